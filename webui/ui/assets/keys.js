// Ctrl or Cmd+Enter generates with the form that is looked at, Alt+Enter skips, Esc interrupts.

import { byId } from "./dom.js";
import { formInUse } from "./forms.js";
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
  const extras = byId("ink-extras-generate"); // the one tab that begins jobs without a prompt
  if (extras?.offsetParent) extras.click();
  else formInUse().generate.click();
}

// Menus, the search field and the editor over the whole window use Escape themselves.
function closesSomething(target) {
  const open = "ul[role=listbox], .ink-editor-full";
  return target.matches("select, input[type=search]") || document.querySelector(open);
}
