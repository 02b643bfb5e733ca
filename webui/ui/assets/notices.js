// The banner (something is wrong) and short notes (something was done).

import { byId, el, iconButton } from "./dom.js";
import { sentence, t } from "./messages.js";

export function banner(text) {
  const place = byId("ink-banner");
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
  banner(error.problems.map(sentence).join(" "));
}

let shown;

export function note(text) {
  shown?.remove();
  const mine = el("div", { className: "ink-note", role: "status" }, text);
  shown = mine;
  document.body.append(mine);
  setTimeout(() => mine.remove(), 3500);
}
