// What is seen: the picture, over it strokes and mask, over them the brush's outline. All is drawn
// at the screen's size; strokes and mask only where they changed.

import { el } from "../dom.js";
import { SHIFT, SIDE } from "./tiles.js";

const SHARPEST = 2; // device pixels for a CSS pixel that are worth drawing
const PIXELS = 3; // from this zoom on, pixels are shown as squares

export class Screen {
  constructor(view, label) {
    this.view = view;
    this.back = el("canvas", { className: "ink-editor-picture" });
    this.front = el("canvas", { className: "ink-editor-strokes" });
    this.ring = el("div", { className: "ink-editor-ring", hidden: true });
    this.node = el("div", {
      className: "ink-editor-surface", tabIndex: 0, role: "application", "aria-label": label,
    }, this.back, this.front, this.ring);
    this.picture = null;
    this.layers = { mask: null, sketch: null };
    this.tint = { color: [0, 0, 0], strength: 0.5 };
    this.dirty = null; // in pixels of the picture
    this.stale = false; // everything is to be drawn
    this.onresize = () => {};
    new ResizeObserver(() => this.measure()).observe(this.node);
  }

  measure() {
    const { clientWidth: width, clientHeight: height } = this.node;
    if (!width || !height) return; // in a tab that is not open
    this.ratio = Math.min(SHARPEST, window.devicePixelRatio || 1);
    for (const canvas of [this.back, this.front]) {
      canvas.width = Math.round(width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
    }
    this.view.resize(width, height);
    this.onresize();
    this.draw();
  }

  // Asks for a drawing before the next frame; of everything, or of a part of the strokes.
  refresh(part = null) {
    if (!this.stale && !this.dirty) requestAnimationFrame(() => this.draw());
    if (!part) this.stale = true;
    else this.dirty = this.dirty ? union(this.dirty, part) : part;
  }

  draw() {
    const { dirty, stale } = this;
    this.dirty = null;
    this.stale = false;
    if (!this.ratio) return;
    if (stale || !dirty) {
      this.drawPicture();
      this.drawStrokes(0, 0, this.front.width, this.front.height);
      return;
    }
    const k = this.view.scale * this.ratio;
    const left = Math.max(0, Math.floor(dirty.x * k + this.view.x * this.ratio) - 1);
    const top = Math.max(0, Math.floor(dirty.y * k + this.view.y * this.ratio) - 1);
    const right = Math.min(this.front.width, left + Math.ceil(dirty.width * k) + 3);
    const bottom = Math.min(this.front.height, top + Math.ceil(dirty.height * k) + 3);
    this.drawStrokes(left, top, right - left, bottom - top);
  }

  drawPicture() {
    const pen = this.back.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.back.width, this.back.height);
    if (!this.picture) return;
    const { x, y, scale, borders, extent } = this.view;
    const { width, height, bitmap, small } = this.picture;
    pen.setTransform(this.ratio, 0, 0, this.ratio, x * this.ratio, y * this.ratio);
    const k = scale * this.ratio;
    if (Object.values(borders).some(Boolean)) this.drawBorders(pen, extent, scale);
    pen.fillStyle = checks(pen);
    pen.fillRect(0, 0, width * scale, height * scale);
    pen.imageSmoothingEnabled = k < PIXELS;
    pen.imageSmoothingQuality = "medium";
    pen.drawImage(k * width <= small.width ? small : bitmap, 0, 0, width * scale, height * scale);
  }

  drawBorders(pen, extent, scale) {
    const style = getComputedStyle(this.node);
    const box = [extent.x, extent.y, extent.width, extent.height].map((length) => length * scale);
    pen.fillStyle = style.getPropertyValue("--ink-accent-soft");
    pen.fillRect(...box);
    pen.strokeStyle = style.getPropertyValue("--ink-accent");
    pen.lineWidth = 1;
    pen.setLineDash([6, 4]);
    pen.strokeRect(...box);
    pen.setLineDash([]);
  }

  drawStrokes(left, top, width, height) {
    if (width <= 0 || height <= 0) return;
    const pen = this.front.getContext("2d");
    const { mask, sketch } = this.layers;
    if (!this.picture || !(mask || sketch) || (mask?.empty !== false && sketch?.empty !== false)) {
      pen.clearRect(left, top, width, height);
      return;
    }
    const image = pen.createImageData(width, height);
    this.sample(image.data, left, top, width, height);
    pen.putImageData(image, left, top);
  }

  // Each pixel of the screen shows the picture's pixel under its middle.
  sample(target, left, top, width, height) {
    const { mask, sketch, } = this.layers;
    const { x, y, scale } = this.view;
    const { columns } = mask || sketch;
    const across = new Int32Array(width);
    for (let at = 0; at < width; at += 1) {
      const px = Math.floor(((left + at + 0.5) / this.ratio - x) / scale);
      across[at] = px >= 0 && px < this.picture.width ? px : -1;
    }
    for (let row = 0; row < height; row += 1) {
      const py = Math.floor(((top + row + 0.5) / this.ratio - y) / scale);
      if (py < 0 || py >= this.picture.height) continue;
      const first = (py >> SHIFT) * columns;
      const line = (py & (SIDE - 1)) * SIDE;
      let column = -1;
      let white = null;
      let colors = null;
      for (let at = 0, to = row * width * 4; at < width; at += 1, to += 4) {
        const px = across[at];
        if (px < 0) continue;
        if (px >> SHIFT !== column) {
          column = px >> SHIFT;
          white = mask && mask.tiles[first + column];
          colors = sketch && sketch.tiles[first + column];
        }
        if (!white && !colors) continue;
        const from = line + (px & (SIDE - 1));
        paint(target, to, colors, 4 * from, white ? white[from] * this.tint.strength : 0, this.tint.color);
      }
    }
  }

  // The outline of the brush: a circle around a point of the screen, or nothing.
  showRing(point, radius) {
    this.ring.hidden = !point;
    if (!point) return;
    const size = Math.max(3, 2 * radius);
    this.ring.style.width = `${size}px`;
    this.ring.style.height = `${size}px`;
    this.ring.style.transform = `translate(${point.x - size / 2}px, ${point.y - size / 2}px)`;
  }
}

// The mask's colour over the stroke's.
function paint(target, to, colors, from, tinted, color) {
  const over = tinted / 255;
  const under = colors ? (colors[from + 3] / 255) * (1 - over) : 0;
  const alpha = over + under;
  if (alpha <= 0) return;
  for (let channel = 0; channel < 3; channel += 1) {
    const below = colors ? colors[from + channel] * under : 0;
    target[to + channel] = (color[channel] * over + below) / alpha;
  }
  target[to + 3] = alpha * 255;
}

function union(a, b) {
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return {
    x, y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  };
}

// Grey squares behind pictures that can be seen through.
function checks(pen) {
  const tile = document.createElement("canvas");
  tile.width = 16;
  tile.height = 16;
  const inner = tile.getContext("2d");
  inner.fillStyle = "#c8c8c8";
  inner.fillRect(0, 0, 16, 16);
  inner.fillStyle = "#9a9a9a";
  inner.fillRect(0, 0, 8, 8);
  inner.fillRect(8, 8, 8, 8);
  return pen.createPattern(tile, "repeat");
}
