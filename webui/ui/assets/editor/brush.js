// One stroke. Along it the brush's strength is the strongest at any of its points, so a soft brush
// that crosses its own trail does not get stronger there.

import { AREA, SHIFT, SIDE } from "./tiles.js";

const LEAST = 0.71; // radius at which a brush always meets the middle of a pixel
const FINE = 4096; // steps of the table of strengths
const THIN = 0.15; // part of the radius that a pen draws with when it hardly touches

export class Stroke {
  // brush: { size in pixels of the picture, softness 0 to 1, erase; only for colours: color
  // [r, g, b], strength 0 to 1 }
  constructor(layer, brush) {
    this.layer = layer;
    this.brush = brush;
    this.covers = new Map();
    this.blend = blendOf(layer.depth, brush);
    this.hard = brush.softness <= 0 && layer.depth === 1;
    this.most = layer.depth === 1 || brush.erase ? 255 : Math.round(255 * brush.strength);
    this.tables = new Map();
    layer.begin();
  }

  // Draws from one point to the next ({ x, y, pressure }); returns the part that may have changed.
  line(from, to) {
    const reach = Math.max(radius(this.brush, from), radius(this.brush, to));
    // Short pieces: the box around a long slanting one is mostly empty.
    const parts = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / (2 * reach + 8)));
    for (let part = 0; part < parts; part += 1) {
      this.piece(between(from, to, part / parts), between(from, to, (part + 1) / parts));
    }
    return around(from, to, reach + 1);
  }

  piece(a, b) {
    const shape = {
      x: a.x, y: a.y, dx: b.x - a.x, dy: b.y - a.y, ra: radius(this.brush, a), rb: radius(this.brush, b),
    };
    const box = around(a, b, Math.max(shape.ra, shape.rb) + 1);
    const { width, height, columns } = this.layer;
    const left = Math.max(0, Math.floor(box.x));
    const top = Math.max(0, Math.floor(box.y));
    const right = Math.min(width, Math.ceil(box.x + box.width));
    const bottom = Math.min(height, Math.ceil(box.y + box.height));
    for (let row = top >> SHIFT; row * SIDE < bottom; row += 1) {
      for (let column = left >> SHIFT; column * SIDE < right; column += 1) {
        const x0 = column * SIDE;
        const y0 = row * SIDE;
        this.square(row * columns + column, shape, x0, y0, {
          left: Math.max(left, x0), top: Math.max(top, y0),
          right: Math.min(right, x0 + SIDE), bottom: Math.min(bottom, y0 + SIDE),
        });
      }
    }
  }

  square(index, { x, y, dx, dy, ra, rb }, x0, y0, box) {
    const { blend, layer, most } = this;
    const length = dx * dx + dy * dy;
    const table = this.hard ? null : this.table((ra + rb) / 2);
    const covered = this.covers.get(index) || new Uint8Array(AREA);
    let tile = null;
    let was = null;
    for (let py = box.top; py < box.bottom; py += 1) {
      const oy = py + 0.5 - y;
      for (let px = box.left, at = (py - y0) * SIDE + px - x0; px < box.right; px += 1, at += 1) {
        if (covered[at] === most) continue;
        const ox = px + 0.5 - x;
        let t = length ? (ox * dx + oy * dy) / length : 0;
        t = t < 0 ? 0 : t > 1 ? 1 : t;
        const ex = ox - t * dx;
        const ey = oy - t * dy;
        const r = ra + (rb - ra) * t + (table ? 0.5 : 0);
        const share = (ex * ex + ey * ey) / (r * r);
        if (share > 1) continue;
        // A hard mask has no half pixels: what the brush touches is 255, the rest is 0.
        const strength = table ? table[(share * FINE) | 0] : 255;
        if (strength <= covered[at]) continue;
        covered[at] = strength;
        if (!tile) {
          tile = layer.own(index);
          was = layer.was(index);
        }
        blend(tile, was, at, strength);
      }
    }
    if (tile) this.covers.set(index, covered);
  }

  // Strength, 0 to 255, by the square of the distance from the line, as a part of the radius's.
  // Colours have smooth edges also with a hard brush: half a pixel on both sides of the radius.
  table(r) {
    const whole = Math.round(r * 4) / 4;
    if (!this.tables.has(whole)) {
      const band = Math.max(this.brush.softness * whole, 1);
      this.tables.set(whole, Uint8Array.from({ length: FINE + 1 }, (_, at) => {
        const u = Math.min(1, ((1 - Math.sqrt(at / FINE)) * (whole + 0.5)) / band);
        return Math.round(this.most * u * u * (3 - 2 * u));
      }));
    }
    return this.tables.get(whole);
  }
}

const radius = ({ size }, { pressure }) =>
  Math.max(LEAST, (size / 2) * (pressure === undefined ? 1 : THIN + (1 - THIN) * pressure));

function between(a, b, t) {
  const mix = (name) => (a[name] === undefined ? undefined : a[name] + (b[name] - a[name]) * t);
  return { x: mix("x"), y: mix("y"), pressure: mix("pressure") };
}

function around(a, b, reach) {
  const x = Math.min(a.x, b.x) - reach;
  const y = Math.min(a.y, b.y) - reach;
  return { x, y, width: Math.abs(a.x - b.x) + 2 * reach, height: Math.abs(a.y - b.y) + 2 * reach };
}

// How a pixel of `was` becomes one of `tile` at a strength; `was` is null where all was zero.
function blendOf(depth, { erase, color }) {
  if (depth === 1) return erase ? eraseWhite : addWhite;
  return erase ? eraseColor : addColor(color);
}

function addWhite(tile, was, at, strength) {
  const old = was ? was[at] : 0;
  tile[at] = old + Math.round(((255 - old) * strength) / 255);
}

function eraseWhite(tile, was, at, strength) {
  tile[at] = was ? Math.round((was[at] * (255 - strength)) / 255) : 0;
}

function addColor([red, green, blue]) {
  return (tile, was, pixel, strength) => {
    const at = pixel * 4;
    const under = was ? (was[at + 3] * (255 - strength)) / 255 : 0;
    const alpha = strength + under;
    const part = strength / alpha;
    tile[at] = Math.round(red * part + (was ? was[at] : 0) * (1 - part));
    tile[at + 1] = Math.round(green * part + (was ? was[at + 1] : 0) * (1 - part));
    tile[at + 2] = Math.round(blue * part + (was ? was[at + 2] : 0) * (1 - part));
    tile[at + 3] = Math.round(alpha);
  };
}

function eraseColor(tile, was, pixel, strength) {
  const at = pixel * 4;
  const alpha = was ? Math.round((was[at + 3] * (255 - strength)) / 255) : 0;
  for (let channel = 0; channel < 3; channel += 1) tile[at + channel] = alpha ? was[at + channel] : 0;
  tile[at + 3] = alpha;
}
