// What the editor's buttons and keys do.

import { el } from "../dom.js";

const STEP = 1.2; // brush size and zoom for one press of a key
const KEPT = 60_000; // ms that a browser has to begin a download

// The layer that a mode paints.
export const PAINTS = { view: null, sketch: "sketch", mask: "mask", sketch_mask: "sketch" };

const tool = (name) => (editor) => {
  editor.tool = name;
};

export const ACTIONS = {
  brush: tool("brush"),
  eraser: tool("eraser"),
  pick: tool("pick"),
  hand: tool("hand"),
  smaller: (editor) => editor.resize(1 / STEP),
  larger: (editor) => editor.resize(STEP),
  undo: (editor) => editor.undo(),
  redo: (editor) => editor.redo(),
  clear: (editor) => editor.clear(),
  fill: ({ paper }) => paper.edit("mask", (mask) => mask.fill()),
  invert: ({ paper }) => paper.edit("mask", (mask) => mask.invert()),
  overlay(editor) {
    editor.overlay = !editor.overlay;
  },
  zoom_in: ({ view }) => view.zoom(STEP),
  zoom_out: ({ view }) => view.zoom(1 / STEP),
  fit: ({ view }) => view.fit(),
  full(editor) {
    editor.full = !editor.full;
    editor.root.classList.toggle("ink-editor-full", editor.full);
    document.documentElement.classList.toggle("ink-still", editor.full);
    editor.screen.node.focus({ preventScroll: true });
  },
  async mask_save(editor) {
    const file = await editor.mask();
    if (!file) return;
    const address = URL.createObjectURL(file);
    el("a", { href: address, download: "mask.png" }).click();
    setTimeout(() => URL.revokeObjectURL(address), KEPT);
  },
  remove: (editor) => editor.load(null),
};

// Takes the colour at a point of the picture for the brush.
export function pick(editor, point) {
  const color = editor.paper.color(point);
  if (!color || PAINTS[editor.mode] !== "sketch") return;
  if (editor.tool === "pick") editor.tool = "brush";
  editor.set("color", `#${color.map((part) => part.toString(16).padStart(2, "0")).join("")}`);
}
