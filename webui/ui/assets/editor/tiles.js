// A layer over a big picture, kept in squares. A square that nothing touched takes no memory, and
// a finished square is never written to again, so that earlier versions share it.

export const SIDE = 256;
export const AREA = SIDE * SIDE;
export const SHIFT = 8; // SIDE as a power of two
const REST = SIDE - 1;

// Every square of a mask that is white all over.
const WHITE = new Uint8Array(AREA).fill(255);

export class Layer {
  // `depth`: 1 for a mask (white is 255), 4 for colours (red, green, blue, alpha, not multiplied).
  constructor(width, height, depth, tiles = null) {
    this.width = width;
    this.height = height;
    this.depth = depth;
    this.columns = Math.ceil(width / SIDE);
    this.rows = Math.ceil(height / SIDE);
    this.tiles = Array.from({ length: this.columns * this.rows }, (_, index) => tiles?.[index] ?? null);
    if (tiles) this.tiles = this.tiles.map((_, index) => this.settled(index));
    this.before = null;
    this.mine = null;
  }

  get empty() {
    return this.tiles.every((tile) => tile === null);
  }

  // The part of the picture that a square covers; those at the right and bottom edges are cut.
  place(index) {
    const x = (index % this.columns) * SIDE;
    const y = Math.floor(index / this.columns) * SIDE;
    return { x, y, width: Math.min(SIDE, this.width - x), height: Math.min(SIDE, this.height - y) };
  }

  begin() {
    this.before = new Map();
    this.mine = new Set(); // squares that this change made, and may write to
  }

  was(index) {
    return this.before.get(index) ?? null;
  }

  // The square to write into; what it was stays as it was.
  own(index) {
    if (!this.mine.has(index)) {
      const old = this.tiles[index];
      this.put(index, old ? old.slice() : new Uint8Array(AREA * this.depth));
      this.mine.add(index);
    }
    return this.tiles[index];
  }

  put(index, tile) {
    if (!this.before.has(index)) this.before.set(index, this.tiles[index]);
    this.tiles[index] = tile;
    this.mine.delete(index);
  }

  // Ends a change. Its squares: index -> [before, after]; null where nothing is different.
  commit() {
    const changes = new Map();
    for (const [index, old] of this.before) {
      const settled = this.settled(index);
      this.tiles[index] = same(old, settled) ? old : settled;
      if (this.tiles[index] !== old) changes.set(index, [old, settled]);
    }
    this.before = null;
    this.mine = null;
    return changes.size ? changes : null;
  }

  cancel() {
    for (const [index, old] of this.before) this.tiles[index] = old;
    this.before = null;
    this.mine = null;
  }

  // Puts back what squares were (`which` 0) or became (`which` 1).
  putBack(changes, which) {
    for (const [index, pair] of changes) this.tiles[index] = pair[which];
  }

  // An empty square is null, a white one is the one that all share.
  settled(index) {
    const tile = this.tiles[index];
    if (!tile || tile === WHITE) return tile;
    if (this.uniform(index, tile, 0)) return null;
    return this.depth === 1 && this.uniform(index, tile, 255) ? WHITE : tile;
  }

  uniform(index, tile, value) {
    const { width, height } = this.place(index);
    const wide = width * this.depth;
    const line = SIDE * this.depth;
    for (let y = 0; y < height; y += 1) {
      for (let at = y * line, end = at + wide; at < end; at += 1) if (tile[at] !== value) return false;
    }
    return true;
  }

  fill() {
    this.tiles.forEach((tile, index) => this.put(index, WHITE));
  }

  clear() {
    this.tiles.forEach((tile, index) => this.put(index, null));
  }

  invert() {
    this.tiles.forEach((tile, index) => {
      if (!tile) this.put(index, WHITE);
      else if (tile === WHITE) this.put(index, null);
      else this.put(index, tile.map((value) => 255 - value));
    });
  }

  // Rows [top, bottom) as one array, the picture's width wide.
  read(top, bottom) {
    const line = this.width * this.depth;
    const target = new Uint8Array(line * (bottom - top));
    for (let y = top; y < bottom; y += 1) {
      const first = (y >> SHIFT) * this.columns;
      for (let column = 0; column < this.columns; column += 1) {
        const tile = this.tiles[first + column];
        if (!tile) continue;
        const wide = Math.min(SIDE, this.width - column * SIDE) * this.depth;
        const from = (y & REST) * SIDE * this.depth;
        target.set(tile.subarray(from, from + wide), (y - top) * line + column * SIDE * this.depth);
      }
    }
    return target;
  }

  // Puts rows in, from `top` on; only where they are not zero all along.
  write(top, values) {
    const line = this.width * this.depth;
    for (let at = 0, y = top; at < values.length; at += line, y += 1) {
      for (let column = 0; column < this.columns; column += 1) {
        const from = at + column * SIDE * this.depth;
        const wide = Math.min(SIDE, this.width - column * SIDE) * this.depth;
        const part = values.subarray(from, from + wide);
        const index = (y >> SHIFT) * this.columns + column;
        if (!this.tiles[index] && part.every((value) => value === 0)) continue;
        this.own(index).set(part, (y & REST) * SIDE * this.depth);
      }
    }
  }
}

function same(a, b) {
  if (a === b) return true;
  if (!a || !b) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

// Bytes that a change keeps alive beside the layer itself.
export function weight(changes) {
  let bytes = 0;
  for (const pair of changes.values()) {
    for (const tile of pair) if (tile && tile !== WHITE) bytes += tile.length;
  }
  return bytes;
}
