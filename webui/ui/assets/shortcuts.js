// The list of all keys, opened with "?".

import { el, iconButton } from "./dom.js";
import { KEYS, spoken, writes } from "./editor/keymap.js";
import { t } from "./messages.js";

// [keys, what they do]; parts that are words are texts by key.
const PAGE = [
  [["Ctrl+Enter"], "button.generate"],
  [["Alt+Enter"], "button.skip"],
  [["Esc"], "button.interrupt"],
  [["Ctrl+↑", "Ctrl+↓"], "shortcuts.weight"],
  [["←", "→"], "shortcuts.viewer"],
  [["?"], "shortcuts.title"],
];
const PICTURE = [
  ["shortcuts.wheel", "shortcuts.wheel_zoom"],
  ["shortcuts.alt_wheel", "shortcuts.zoom"],
  ["shortcuts.ctrl_wheel", "editor.size"],
  ["shortcuts.space_drag", "shortcuts.move"],
  ["shortcuts.fingers", "shortcuts.move_zoom"],
  ["shortcuts.shift_click", "shortcuts.straight"],
  ["shortcuts.alt_click", "editor.pick"],
];

let dialog;

export function startShortcuts() {
  document.addEventListener("keydown", (event) => {
    const asked = event.key === "?" || event.key === "？";
    if (!asked || event.ctrlKey || event.metaKey || event.isComposing || writes(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    openShortcuts();
  });
}

export function openShortcuts() {
  dialog ||= make();
  if (!dialog.open) dialog.showModal();
}

function make() {
  const node = el("dialog", { id: "ink-shortcuts", className: "ink-dialog", "aria-label": t("shortcuts.title") },
    el("header", {}, el("h2", {}, t("shortcuts.title")),
      iconButton("close", t("button.close"), () => node.close())),
    section("shortcuts.page", PAGE),
    section("shortcuts.editor", [
      ...KEYS.map(([, text, keys]) => [keys.map(spoken), text]),
      [["Ctrl+V"], "shortcuts.paste"],
      [["←", "→", "↑", "↓"], "shortcuts.move"],
      ...PICTURE.map(([gesture, text]) => [[t(gesture)], text]),
    ]),
    el("p", { className: "ink-hint" }, t("shortcuts.where")));
  (document.querySelector(".gradio-container") || document.body).append(node);
  return node;
}

function section(title, rows) {
  return el("section", {}, el("h3", {}, t(title)),
    el("dl", { className: "ink-keys" }, ...rows.map(([keys, text]) => el("div", {},
      el("dt", {}, ...keys.map((key) => el("kbd", {}, key))),
      el("dd", {}, t(text))))));
}
