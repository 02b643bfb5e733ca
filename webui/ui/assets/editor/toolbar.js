// The buttons and sliders of the editor. Each names its key in its tooltip.

import { el, show } from "../dom.js";
import { keyOf, labelOf } from "./keymap.js";

export const LARGEST = 1024; // pixels of the picture across the brush

// Sizes are told apart by their ratio: the slider goes up in equal factors.
export const sizeOf = (value) => Math.max(1, Math.round(LARGEST ** (value / 100)));
export const placeOf = (size) => (Math.log(size) / Math.log(LARGEST)) * 100;

const OTHER_KEYS = { help: "?", size: "[ ]" };

// Which controls a mode has; those in no row are in every mode.
const PAINT = ["sketch", "mask", "sketch_mask"];
const ONLY = {
  brush: PAINT, eraser: PAINT, hand: PAINT, size: PAINT, softness: PAINT, clear: PAINT,
  undo: ["view", ...PAINT], redo: ["view", ...PAINT],
  pick: ["sketch", "sketch_mask"], color: ["sketch", "sketch_mask"], strength: ["sketch", "sketch_mask"],
  fill: ["mask"], invert: ["mask"], mask_color: ["mask"], opacity: ["mask"],
  mask_open: ["mask"], mask_save: ["mask", "sketch_mask"], overlay: PAINT,
};

export class Toolbar {
  // run(action), set(name, value): what buttons and sliders do. files(kind, file): chosen files.
  constructor(t, { run, set, files }) {
    this.t = t;
    this.controls = {};
    const button = (action, label = labelOf(action)) => this.keep(action, el("button", {
      type: "button", className: `ink-icon-button ink-icon-edit-${action}`, title: this.tip(action, label),
      "aria-label": t(label), "aria-keyshortcuts": keyOf(action).replace("Ctrl", "Control") || null,
      dataset: { action }, onclick: () => run(action),
    }));
    const slider = (name, label, limits, changed) => this.keep(name, el("label",
      { className: "ink-field ink-editor-slider", title: this.tip(name, label) },
      el("span", { className: "ink-label" }, t(label)),
      el("input", { type: "range", ...limits, "aria-label": t(label),
        oninput: (event) => set(name, changed(Number(event.target.value))) }),
      el("output", { className: "ink-count" })));
    const color = (name, label) => this.keep(name, el("input", {
      type: "color", className: "ink-editor-color", title: t(label), "aria-label": t(label),
      oninput: (event) => set(name, event.target.value),
    }));
    const file = (name, label, kind) => this.keep(name, el("label",
      { className: `ink-icon-button ink-icon-edit-${name} ink-file`, title: t(label) },
      el("input", { type: "file", accept: "image/*", "aria-label": t(label), dataset: { action: name },
        onchange: (event) => {
          const [chosen] = event.target.files;
          event.target.value = "";
          if (chosen) files(kind, chosen);
        } })));
    const group = (...children) => el("div", { className: "ink-editor-group" }, ...children);
    const share = (value) => value / 100;
    this.top = el("div", { className: "ink-editor-bar", role: "toolbar", "aria-label": t("editor.tools") },
      group(button("brush"), button("eraser"), button("pick"), button("hand")),
      group(button("undo"), button("redo"), button("clear")),
      group(button("fill"), button("invert"), file("mask_open", "editor.mask_open", "mask"),
        button("mask_save", "editor.mask_save")),
      el("span", { className: "ink-space" }),
      group(file("open", "editor.open", "picture"), button("remove", "editor.remove"), button("full"),
        button("help", "shortcuts.title")));
    this.options = el("div", { className: "ink-editor-options" },
      group(color("color", "editor.color"), color("mask_color", "editor.mask_color")),
      slider("size", "editor.size", { min: 0, max: 100, step: 0.5 }, sizeOf),
      slider("softness", "editor.softness", { min: 0, max: 100, step: 1 }, share),
      slider("strength", "editor.strength", { min: 5, max: 100, step: 1 }, share),
      slider("opacity", "editor.opacity", { min: 10, max: 100, step: 1 }, share));
    this.zoom = el("span", { className: "ink-count ink-editor-zoom" });
    this.measure = el("span", { className: "ink-count" });
    this.message = el("p", { className: "ink-editor-message", role: "status" });
    this.foot = el("div", { className: "ink-editor-bar ink-editor-foot" },
      group(button("zoom_out"), this.zoom, button("zoom_in"), button("fit"), button("overlay")),
      this.measure);
  }

  keep(name, node) {
    this.controls[name] = node;
    return node;
  }

  tip(action, label) {
    const key = OTHER_KEYS[action] || keyOf(action);
    return key ? this.t("editor.with_key", { text: this.t(label), key }) : this.t(label);
  }

  // Shows what can be done now. state: { mode, tool, brush, tint, overlay, full, picture, can, zoom }
  update(state) {
    for (const [name, node] of Object.entries(this.controls)) {
      show(node, !ONLY[name] || ONLY[name].includes(state.mode));
    }
    const { controls } = this;
    for (const tool of ["brush", "eraser", "pick", "hand"]) {
      controls[tool].setAttribute("aria-pressed", String(state.tool === tool));
    }
    controls.overlay.setAttribute("aria-pressed", String(state.overlay));
    controls.full.setAttribute("aria-pressed", String(state.full));
    for (const name of ["undo", "redo", "clear", "mask_save"]) controls[name].disabled = !state.can[name];
    this.slide("size", placeOf(state.brush.size), `${state.brush.size} px`);
    const shares = { softness: state.brush.softness, strength: state.brush.strength, opacity: state.tint.strength };
    for (const [name, share] of Object.entries(shares)) {
      this.slide(name, share * 100, `${Math.round(share * 100)} %`);
    }
    controls.color.value = state.brush.color;
    controls.mask_color.value = state.tint.color;
    const { picture } = state;
    show(this.options, picture && state.mode !== "view");
    for (const part of [this.top, this.foot]) show(part, Boolean(picture));
    this.measure.textContent = picture ? `${picture.width} × ${picture.height}` : "";
    this.showZoom(state.zoom);
  }

  showZoom(zoom) {
    this.zoom.textContent = `${Math.round(zoom * 100)} %`;
  }

  slide(name, value, text) {
    const input = this.controls[name].querySelector("input");
    if (document.activeElement !== input || Math.abs(input.value - value) > 1) input.value = value;
    input.setAttribute("aria-valuetext", text);
    input.style.setProperty("--ink-filled", `${((input.value - input.min) / (input.max - input.min)) * 100}%`);
    this.controls[name].querySelector("output").textContent = text;
  }

  say(text, trouble) {
    this.message.textContent = text;
    this.message.classList.toggle("ink-editor-trouble", Boolean(trouble));
  }
}
