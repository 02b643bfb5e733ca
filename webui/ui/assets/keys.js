// Ctrl or Cmd+Enter generates, Alt+Enter skips, Esc interrupts.

import { byId } from "./dom.js";
import { interrupt, skip } from "./queue.js";
import { viewerOpen } from "./viewer.js";

export function startKeys() {
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.isComposing || viewerOpen()) return; // an input method uses these keys itself
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run(event, generate);
      else if (event.key === "Enter" && event.altKey) run(event, skip);
      else if (event.key === "Escape" && !menuOpen()) run(event, interrupt);
    },
    true,
  );
}

function run(event, action) {
  event.preventDefault();
  event.stopPropagation();
  action();
}

function generate() {
  byId("ink-generate").click();
}

function menuOpen() {
  return Boolean(document.querySelector("ul[role=listbox]"));
}
