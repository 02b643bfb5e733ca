// The keys of the editor. They work while the pointer is over it or the focus is in it, never while
// text is written.

// [action, its text, the keys that do it]. The first key is the one that tooltips name.
export const KEYS = [
  ["brush", "editor.brush", ["b"]],
  ["eraser", "editor.eraser", ["e"]],
  ["pick", "editor.pick", ["i"]],
  ["hand", "editor.hand", ["h"]],
  ["smaller", "editor.smaller", ["[", "q"]],
  ["larger", "editor.larger", ["]", "w"]],
  ["undo", "editor.undo", ["ctrl+z"]],
  ["redo", "editor.redo", ["ctrl+shift+z", "ctrl+y"]],
  ["clear", "editor.clear", ["delete"]],
  ["fill", "editor.fill", ["g"]],
  ["invert", "editor.invert", ["shift+i"]],
  ["overlay", "editor.overlay", ["o"]],
  ["zoom_in", "editor.zoom_in", ["+", "="]],
  ["zoom_out", "editor.zoom_out", ["-"]],
  ["fit", "editor.fit", ["r"]],
  ["full", "editor.full", ["s"]],
];

const NAMES = { ctrl: "Ctrl", shift: "Shift", delete: "Del" };
const WRITTEN = "textarea, select, [contenteditable], "
  + "input:not([type=range], [type=checkbox], [type=color], [type=file], [type=button])";

const rowOf = (action) => KEYS.find(([name]) => name === action);

export const labelOf = (action) => rowOf(action)?.[1];

export const spoken = (key) =>
  key === "+" ? key : key.split("+").map((part) => NAMES[part] || part.toUpperCase()).join("+");

// The first key of an action, as tooltips name it.
export const keyOf = (action) => (rowOf(action) ? spoken(rowOf(action)[2][0]) : "");

export const writes = (node) => Boolean(node.closest?.(WRITTEN));

function pressed(event) {
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push("ctrl");
  const key = event.key.toLowerCase();
  if (event.shiftKey && (key.length > 1 || key.toLowerCase() !== key.toUpperCase())) parts.push("shift");
  return [...parts, key].join("+");
}

// Keys that are held down now, by their names in lower case.
export class Held {
  constructor() {
    this.keys = new Set();
    window.addEventListener("keydown", ({ key }) => this.keys.add(key.toLowerCase()), true);
    window.addEventListener("keyup", ({ key }) => this.keys.delete(key.toLowerCase()), true);
    window.addEventListener("blur", () => this.keys.clear());
  }

  has(key) {
    return this.keys.has(key);
  }
}

const ARROWS = { arrowleft: [1, 0], arrowright: [-1, 0], arrowup: [0, 1], arrowdown: [0, -1] };
const STRIDE = 40; // CSS pixels that an arrow key moves the picture

// `run(action)` says whether it did something; `pan(dx, dy)` moves. `surface` is where arrows work.
export function listen(root, surface, { run, pan, leave }) {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey || document.querySelector("dialog[open]")) return;
    if (!root.offsetParent && !root.classList.contains("ink-editor-full")) return;
    const here = root.contains(document.activeElement) || root.matches(":hover, .ink-editor-full");
    if (!here || writes(event.target)) return;
    const key = pressed(event);
    const action = KEYS.find(([, , keys]) => keys.includes(key))?.[0];
    const arrow = event.target === surface && ARROWS[key];
    if (key === "escape" && leave()) stop(event);
    else if (key === " " && [surface, document.body].includes(event.target)) event.preventDefault();
    else if (arrow) {
      pan(arrow[0] * STRIDE, arrow[1] * STRIDE);
      event.preventDefault();
    } else if (action && run(action)) stop(event);
  }, true);
}

function stop(event) {
  event.preventDefault();
  event.stopPropagation();
}
