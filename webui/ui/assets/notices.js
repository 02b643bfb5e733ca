// The banner (something is wrong) and short notes (something was done).

import { byId, el, iconButton } from "./dom.js";
import { sentence, t } from "./messages.js";

// `kind`: "trouble", or "remark" for what a person should know although all goes on.
export function banner(text, kind = "trouble") {
  const place = byId("ink-banner");
  place.dataset.kind = kind;
  const close = iconButton("close", t("button.close"), () => {
    place.hidden = true;
  });
  place.replaceChildren(el("span", {}, text), close);
  place.hidden = false;
}

export function clearBanner() {
  byId("ink-banner").hidden = true;
}

export function refused(error) {
  if (!error.problems) throw error;
  banner(reasonOf(error));
}

export const reasonOf = (error) => error.problems.map(sentence).join(" ");

let shown;

export function note(text) {
  shown?.remove();
  const mine = el("div", { className: "ink-note", role: "status" }, text);
  shown = mine;
  document.body.append(mine);
  setTimeout(() => mine.remove(), 3500);
}
