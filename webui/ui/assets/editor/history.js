// What can be undone. A stroke is remembered by the squares that it changed, a new picture by the
// states before and after it.

import { weight } from "./tiles.js";

const MOST_BYTES = 160 * 1024 * 1024;
const MOST = 500;
const OVERHEAD = 256; // bytes of an entry without squares

export class History {
  done = [];
  undone = [];

  // entry: { layer: "mask" or "sketch", changes } or { layer: "all", before, after }
  push(entry) {
    this.undone = [];
    this.done.push({ ...entry, bytes: OVERHEAD + (entry.changes ? weight(entry.changes) : 0) });
    let bytes = this.done.reduce((sum, one) => sum + one.bytes, 0);
    while (this.done.length > 1 && (bytes > MOST_BYTES || this.done.length > MOST)) {
      bytes -= this.done.shift().bytes;
    }
  }

  // The entry to undo ("done") or to do again ("undone"), given the layers that can be seen; null
  // when there is none.
  next(which, visible) {
    return this[which][pick(this[which], visible)] ?? null;
  }

  // Notes that `next` was done.
  turn(which, entry) {
    this[which].splice(this[which].indexOf(entry), 1);
    this[which === "done" ? "undone" : "done"].push(entry);
  }
}

// The latest entry that can be seen. Layers do not depend on each other, so one that cannot be seen
// is left out; but never across a change of picture.
function pick(entries, visible) {
  for (let at = entries.length - 1; at >= 0; at -= 1) {
    if (entries[at].layer === "all") return entries.length - 1;
    if (visible.includes(entries[at].layer)) return at;
  }
  return -1;
}
