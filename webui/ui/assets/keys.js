// Ctrl or Cmd+Enter generates, Alt+Enter skips, Esc interrupts.

import { byId } from "./dom.js";
import { interrupt, skip } from "./queue.js";

export function startKeys() {
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.isComposing || dialogOpen()) return; // an input method uses these keys itself
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run(event, generate);
      else if (event.key === "Enter" && event.altKey) run(event, skip);
      else if (event.key === "Escape" && !closesSomething(event.target)) run(event, interrupt);
    },
    true,
  );
}

const dialogOpen = () => Boolean(document.querySelector("dialog[open]"));

function run(event, action) {
  event.preventDefault();
  event.stopPropagation();
  action();
}

function generate() {
  byId("ink-generate").click();
}

// Menus and the search field use Escape themselves.
function closesSomething(target) {
  return target.matches("select, input[type=search]") || document.querySelector("ul[role=listbox]");
}
