// The picture with its layers, what was done to it, and what is kept of it: all but the screen.

import { History } from "./history.js";
import { colorAt, maskFile, openPicture, readMask, withStrokes } from "./pictures.js";
import { AREA, Layer, SHIFT, SIDE } from "./tiles.js";

const NOTHING = { blob: null, width: 0, height: 0, mask: [], sketch: [] };

export class Paper {
  // storage: keeps states, or null; convert(blob): another file for one that browsers cannot read.
  constructor(storage, convert) {
    this.storage = storage;
    this.convert = convert;
    this.picture = null;
    this.mask = null;
    this.sketch = null;
    this.history = new History();
    this.asked = 0;
    this.files = new Map();
    this.settle = () => {}; // ends a stroke that is being drawn
    this.onchange = () => {};
  }

  // A value that stays as it is whatever is done to the paper.
  state() {
    if (!this.picture) return NOTHING;
    const { blob, width, height } = this.picture;
    return { blob, width, height, mask: [...this.mask.tiles], sketch: [...this.sketch.tiles] };
  }

  // A new picture, or none. `keep`: the mask stays if the sizes are the same.
  async load(blob, { keep = false } = {}) {
    const picture = await this.open(blob);
    if (picture === undefined) return;
    this.settle();
    const now = this.picture;
    const fits = keep && now && picture && now.width === picture.width && now.height === picture.height;
    this.replace(picture, fits ? this.mask.tiles : []);
  }

  // Shows a state that `state` gave, undoably.
  async restore(state) {
    const picture = await this.open(state.blob);
    if (picture !== undefined) this.replace(picture, state.mask, state.sketch);
  }

  // What this browser kept; says whether there was something.
  async recall() {
    const state = await this.storage?.load();
    if (!state || this.picture) return false;
    const picture = await this.open(state.blob);
    if (picture === undefined) return false;
    this.put(picture, state.mask, state.sketch);
    this.onchange("all");
    return true;
  }

  // undefined: another picture was asked for meanwhile.
  async open(blob) {
    this.asked += 1;
    const mine = this.asked;
    if (blob && blob === this.picture?.blob) return this.picture;
    const picture = blob ? await openPicture(blob, this.convert) : null;
    return mine === this.asked ? picture : undefined;
  }

  replace(picture, mask = [], sketch = []) {
    this.settle();
    const before = this.state();
    const old = this.put(picture, mask, sketch);
    if (before.blob) this.history.push({ layer: "all", before, after: this.state() });
    this.changed("all");
    this.forget(old);
  }

  put(picture, mask, sketch) {
    const old = this.picture;
    this.picture = picture;
    this.mask = picture && new Layer(picture.width, picture.height, 1, mask);
    this.sketch = picture && new Layer(picture.width, picture.height, 4, sketch);
    return old;
  }

  // Gives a picture's memory back, once nobody draws it any more.
  forget(old) {
    if (!old || old === this.picture) return;
    old.bitmap.close();
    old.small.close();
  }

  // What was begun in a layer has ended.
  commit(layer) {
    const changes = this[layer].commit();
    if (!changes) return;
    this.history.push({ layer, changes });
    this.changed(layer);
  }

  edit(layer, work) {
    this[layer].begin();
    work(this[layer]);
    this.commit(layer);
  }

  // Returns the file's own size where the mask had to be scaled to the picture.
  async readMask(blob) {
    const layer = new Layer(this.picture.width, this.picture.height, 1);
    layer.begin();
    const { picture } = this;
    const size = await readMask(blob, layer);
    if (picture !== this.picture) return null;
    this.settle();
    this.edit("mask", (mask) => layer.tiles.forEach((tile, index) => mask.put(index, tile)));
    return size.width === picture.width && size.height === picture.height ? null : size;
  }

  // Undoes what was "done", or does again what was "undone", of the layers that can be seen.
  async step(which, visible) {
    const entry = this.history.next(which, visible);
    if (!entry) return;
    const undoes = which === "done";
    if (entry.layer !== "all") {
      this.history.turn(which, entry);
      this[entry.layer].putBack(entry.changes, undoes ? 0 : 1);
      this.changed(entry.layer);
      return;
    }
    const state = undoes ? entry.before : entry.after;
    const picture = await this.open(state.blob);
    this.settle();
    // Something else may have been done while the picture was unpacked.
    if (picture === undefined || this.history.next(which, visible) !== entry) return;
    this.history.turn(which, entry);
    const old = this.put(picture, state.mask, state.sketch);
    this.changed("all");
    this.forget(old);
  }

  changed(layer) {
    this.files.clear();
    this.storage?.save(this.state());
    this.onchange(layer);
  }

  // Files are made once: who asks twice without a change between gets the same one.
  file(kind) {
    if (!this.picture) return Promise.resolve(null);
    if (!this.files.has(kind)) {
      const made = kind === "picture" ? withStrokes(this.picture, this.sketch) : maskFile(this[kind]);
      this.files.set(kind, Promise.resolve(made));
    }
    return this.files.get(kind);
  }

  // The colour that is seen at a point, as three numbers; null outside of the picture.
  color({ x, y }) {
    const { width, height, bitmap } = this.picture;
    if (x < 0 || y < 0 || x >= width || y >= height) return null;
    const under = colorAt(bitmap, x, y);
    const [px, py] = [Math.floor(x), Math.floor(y)];
    const tile = this.sketch.tiles[(py >> SHIFT) * this.sketch.columns + (px >> SHIFT)];
    const at = 4 * (((py * SIDE) % AREA) + (px % SIDE));
    const strength = tile ? tile[at + 3] / 255 : 0;
    return [0, 1, 2].map((channel) =>
      Math.round((tile ? tile[at + channel] : 0) * strength + under[channel] * (1 - strength)));
  }
}
