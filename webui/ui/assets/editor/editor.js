// The picture editor: brush and eraser for strokes and masks, undo, zoom, files. It keeps one
// picture with two layers, colour strokes and mask; the mode says which of them the brush paints.

import { el, show } from "../dom.js";
import { reasonOf } from "../notices.js";
import { openShortcuts } from "../shortcuts.js";
import { ACTIONS, PAINTS, pick } from "./actions.js";
import { Stroke } from "./brush.js";
import { takeFiles } from "./files.js";
import { Held, listen } from "./keymap.js";
import { Paper } from "./paper.js";
import { MOST, Unusable } from "./pictures.js";
import { Pointer } from "./pointer.js";
import { Screen } from "./screen.js";
import { Storage } from "./storage.js";
import { LARGEST, Toolbar } from "./toolbar.js";
import { keepTools, keptTools } from "./tools.js";
import { View } from "./view.js";

// The layers that a mode shows. Strokes are part of the picture everywhere.
const SHOWS = { view: ["sketch"], sketch: ["sketch"], mask: ["mask", "sketch"], sketch_mask: ["sketch"] };
// The layer that becomes the mask.
const MASKS = { mask: "mask", sketch_mask: "sketch" };

// options: t(key, values) gives words; `store` names the place in this browser where the picture is
// kept ("": it is not kept); convert(blob) -> Promise<Blob> turns a file that browsers cannot
// read into one that they can.
export function createEditor(host, options) {
  return new Editor(host, options);
}

class Editor {
  constructor(host, { t, store = "img2img", convert = null }) {
    this.t = t;
    this.mode = "view";
    this.tool = "brush";
    this.overlay = true;
    this.full = false;
    this.stroke = null;
    this.onchange = () => {};
    this.onerror = null; // default: the words are shown below the picture
    Object.assign(this, keptTools()); // brush, tint
    const storage = store ? new Storage(store) : null;
    if (storage) storage.ontrouble = () => this.say(t("editor.not_kept"), true);
    this.paper = new Paper(storage, convert);
    this.paper.settle = () => this.end();
    this.paper.onchange = (layer) => this.changed(layer);
    this.build(host);
    this.refresh();
    this.ready = storage ? this.attempt(this.paper.recall()) : Promise.resolve();
  }

  build(host) {
    const { t } = this;
    this.view = new View();
    this.held = new Held();
    this.screen = new Screen(this.view, t("editor.surface"));
    this.screen.onresize = () => this.moved();
    this.toolbar = new Toolbar(t, {
      run: (action) => this.run(action),
      set: (name, value) => this.set(name, value),
      files: (kind, file) => (kind === "mask" ? this.setMask(file) : this.load(file)),
    });
    this.pointer = new Pointer(this.screen, this.view, this.held, this.gestures());
    this.choose = el("label", { className: "ink-editor-empty" },
      el("span", {}, t("editor.empty")),
      el("span", { className: "ink-button ink-file" }, t("editor.choose"),
        el("input", { type: "file", accept: "image/*", "aria-label": t("editor.choose"),
          onchange: ({ target }) => {
            if (target.files[0]) this.load(target.files[0]);
            target.value = "";
          } })),
      el("span", { className: "ink-hint" }, t("editor.hint", { limit: MOST })));
    this.screen.node.append(this.choose);
    this.root = el("div", { className: "ink-editor" },
      this.toolbar.top, this.toolbar.options, this.screen.node, this.toolbar.foot, this.toolbar.message);
    host.append(this.root);
    takeFiles(this.root, (blob) => this.load(blob), (error) => this.report(error));
    listen(this.root, this.screen.node, {
      run: (action) => this.run(action),
      pan: (dx, dy) => {
        this.view.pan(dx, dy);
        this.moved();
      },
      leave: () => this.full && this.run("full"),
    });
  }

  gestures() {
    return {
      tool: () => this.tool,
      paints: () => Boolean(PAINTS[this.mode]),
      begin: (erase) => {
        const erases = erase || this.tool === "eraser";
        const brush = { ...this.brush, color: numbers(this.brush.color), erase: erases };
        this.stroke = new Stroke(this.paper[PAINTS[this.mode]], brush);
        this.say("");
      },
      // A key may have ended the stroke under the pointer.
      line: (from, to) => this.stroke && this.screen.refresh(this.stroke.line(from, to)),
      end: () => this.end(),
      cancel: () => {
        this.stroke?.layer.cancel();
        this.stroke = null;
        this.screen.refresh();
      },
      pick: (point) => pick(this, point),
      panning: (active) => this.root.classList.toggle("ink-editor-panning", active),
      size: (factor) => this.resize(factor),
      moved: (point) => (point === undefined ? this.moved() : this.ring(point)),
    };
  }

  end() {
    if (!this.stroke) return;
    this.stroke = null;
    this.paper.commit(PAINTS[this.mode]);
  }

  // --- what other modules use ---

  load(blob, options) {
    this.end();
    return this.attempt(this.paper.load(blob, options));
  }

  setMode(mode) {
    this.end();
    this.mode = mode;
    if (this.tool === "pick" && PAINTS[mode] !== "sketch") this.tool = "brush";
    this.refresh();
  }

  // The start picture, with the strokes if there are any. The same file until something changes.
  picture() {
    this.end();
    return this.paper.file("picture");
  }

  mask() {
    this.end();
    return MASKS[this.mode] ? this.paper.file(MASKS[this.mode]) : Promise.resolve(null);
  }

  async setMask(blob) {
    if (!this.paper.picture) return;
    this.end();
    const size = await this.attempt(this.paper.readMask(blob));
    if (size) this.say(this.t("editor.mask_scaled", size));
  }

  // Empties the layer that the mode paints; with a picture that is only looked at, both.
  clear() {
    this.end();
    if (!this.paper.picture) return;
    const layers = PAINTS[this.mode] ? [PAINTS[this.mode]] : ["mask", "sketch"];
    for (const layer of layers) this.paper.edit(layer, (one) => one.clear());
  }

  undo() {
    this.end();
    return this.attempt(this.paper.step("done", SHOWS[this.mode]));
  }

  redo() {
    this.end();
    return this.attempt(this.paper.step("undone", SHOWS[this.mode]));
  }

  size() {
    const { picture } = this.paper;
    return picture && { width: picture.width, height: picture.height };
  }

  // A value that stands for picture, strokes and mask as they are now; it costs next to nothing.
  state() {
    this.end();
    return this.paper.state();
  }

  restore(state) {
    if (!state) return this.ready;
    this.end();
    return this.attempt(this.paper.restore(state));
  }

  setBorders(borders) {
    this.view.setBorders(borders);
    this.moved();
  }

  // --- what buttons and keys do ---

  run(action) {
    if (action === "help") return openShortcuts() || true;
    if (!this.paper.picture || this.toolbar.controls[action]?.hidden) return false;
    const work = ACTIONS[action];
    work?.(this);
    if (work) this.refresh();
    return Boolean(work);
  }

  set(name, value) {
    if (name === "opacity") this.tint.strength = value;
    else if (name === "mask_color") this.tint.color = value;
    else this.brush[name] = value;
    keepTools(this);
    this.refresh();
  }

  resize(factor) {
    const { size } = this.brush;
    const wanted = Math.round(size * factor);
    const moved = wanted === size ? size + Math.sign(factor - 1) : wanted;
    this.set("size", Math.min(LARGEST, Math.max(1, moved)));
  }

  // --- what is shown ---

  changed(layer) {
    const { picture } = this.paper;
    if (layer === "all") {
      this.screen.picture = picture;
      this.view.picture = picture || { width: 1, height: 1 };
      this.view.fit();
      this.pointer.last = null;
      if (picture && !this.brush.size) this.brush.size = Math.ceil(Math.max(picture.width, picture.height) / 16);
    }
    this.refresh();
    this.onchange();
  }

  refresh() {
    const { mode, tool, brush, tint, overlay, full, paper } = this;
    const visible = SHOWS[mode];
    const layer = PAINTS[mode] && paper[PAINTS[mode]];
    const can = {
      undo: paper.history.next("done", visible), redo: paper.history.next("undone", visible),
      clear: layer && !layer.empty, mask_save: layer && !layer.empty,
    };
    const { screen } = this;
    screen.layers.mask = overlay && visible.includes("mask") ? paper.mask : null;
    screen.layers.sketch = overlay ? paper.sketch : null;
    screen.tint = { color: numbers(tint.color), strength: tint.strength };
    const used = PAINTS[mode] ? tool : "hand";
    Object.assign(this.root.dataset, { mode, tool: used, state: paper.picture ? "picture" : "empty" });
    show(this.choose, !paper.picture);
    this.toolbar.update({ mode, tool, brush, tint, overlay, full, can, picture: paper.picture, zoom: this.view.scale });
    this.moved();
  }

  // Another part of the picture is seen, or at another size.
  moved() {
    this.toolbar.showZoom(this.view.scale);
    this.root.classList.toggle("ink-editor-zoomed", !this.view.fitted);
    this.screen.refresh();
    this.ring(this.pointer.hover);
  }

  ring(point) {
    const brushes = PAINTS[this.mode] && (this.tool === "brush" || this.tool === "eraser");
    this.screen.showRing(brushes && this.paper.picture ? point : null, (this.brush.size / 2) * this.view.scale);
  }

  say(text, trouble = false) {
    this.toolbar.say(text, trouble);
  }

  // Runs what may meet a file that cannot be used; then says why, and all stays as it was.
  async attempt(work) {
    try {
      const answer = await work;
      this.say("");
      return answer;
    } catch (error) {
      this.report(error);
      return null;
    }
  }

  report(error) {
    if (!(error instanceof Unusable) && !error.problems) throw error;
    const text = error.problems ? reasonOf(error) : this.t(error.key, error.values);
    if (this.onerror) this.onerror(text);
    else this.say(text, true);
  }
}

const numbers = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
