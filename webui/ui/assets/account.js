// On a server with accounts: who is here, the way out, and tokens for one's programs.

import { byId, copyText, el, iconButton, show } from "./dom.js";
import { get, post, remove, urlOf } from "./api.js";
import { note, reasonOf } from "./notices.js";
import { t } from "./messages.js";

let dialog;

export function showAccount({ accounts, owner }) {
  const [leave, opener] = [byId("ink-leave"), byId("ink-account")];
  show(leave, accounts);
  show(opener, accounts);
  if (!accounts) return;
  leave.title = t("label.leave", { name: owner });
  leave.setAttribute("aria-label", leave.title);
  leave.addEventListener("click", async () => {
    await fetch(urlOf("/logout"), { method: "POST", redirect: "manual" });
    location.assign(urlOf("/login"));
  });
  opener.title = t("label.account", { name: owner });
  opener.setAttribute("aria-label", opener.title);
  opener.addEventListener("click", () => {
    dialog ||= make(owner);
    showNew("");
    dialog.showModal();
    attempt(draw);
  });
}

const part = (name) => dialog.querySelector(`[data-part="${name}"]`);

function make(owner) {
  const node = el("dialog", { id: "ink-tokens", className: "ink-dialog", "aria-label": t("tokens.title") },
    el("header", {}, el("h2", {}, t("tokens.title")),
      iconButton("close", t("button.close"), () => node.close())),
    el("p", { className: "ink-hint" }, t("tokens.hint", { name: owner })),
    el("ul", { className: "ink-downloads", dataset: { part: "list" } }),
    el("label", { className: "ink-plain" }, el("span", { className: "ink-label" }, t("tokens.note")),
      el("input", { name: "note", type: "text", maxLength: 100, autocomplete: "off" })),
    el("div", { className: "ink-offer", role: "status", hidden: true, dataset: { part: "new" } }),
    el("p", { className: "ink-error", role: "alert", hidden: true, dataset: { part: "error" } }),
    el("div", { className: "ink-dialog-foot" },
      el("button", { type: "button", className: "ink-button ink-main-button", dataset: { part: "make" },
        onclick: () => attempt(create) }, t("tokens.make"))));
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input")) attempt(create);
  });
  node.addEventListener("close", () => showNew(""));
  document.querySelector(".gradio-container").append(node);
  return node;
}

// A refusal is shown in the dialog.
async function attempt(act) {
  show(part("error"), false);
  try {
    await act();
  } catch (error) {
    if (!error.problems) throw error;
    part("error").textContent = reasonOf(error);
    show(part("error"), true);
  }
}

async function draw() {
  const { tokens } = await get("/api/access-tokens");
  part("list").replaceChildren(...tokens.map((row) => el("li", {},
    el("span", {}, row.note || t("tokens.unnamed")),
    el("button", { type: "button", className: "ink-button", onclick: () => attempt(() => revoke(row)) },
      t("tokens.revoke")),
    el("small", {}, `${row.id} · ${new Date(row.created).toLocaleString(window.inkstone.language)}`))));
}

async function create() {
  const input = dialog.querySelector("[name=note]");
  const { token } = await post("/api/access-tokens", { note: input.value });
  input.value = "";
  showNew(token);
  await draw();
}

async function revoke(row) {
  await remove(`/api/access-tokens/${row.id}`, {});
  await draw();
}

// Shown this once; the server does not know it any more.
function showNew(token) {
  const place = part("new");
  place.replaceChildren();
  show(place, Boolean(token));
  if (!token) return;
  place.append(el("span", {}, t("tokens.once")), el("code", {}, token),
    el("button", { type: "button", className: "ink-button", onclick: async () => {
      await copyText(token);
      note(t("note.copied"));
    } }, t("tokens.copy")));
}
