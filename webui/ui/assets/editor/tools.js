// How brush and mask are set, kept in this browser.

import { recall, remember } from "../dom.js";

const STORE = "editor";
const BRUSH = { size: 0, softness: 0, color: "#c0392b", strength: 1 }; // size 0: by the picture's
const TINT = { color: "#e02f6b", strength: 0.55 };

export function keptTools() {
  let known = {};
  try {
    known = JSON.parse(recall(STORE) || "{}");
  } catch {
    // not written by us
  }
  return { brush: like(BRUSH, known.brush), tint: like(TINT, known.tint) };
}

export function keepTools({ brush, tint }) {
  remember(STORE, JSON.stringify({ brush, tint }));
}

// The own values, and those of the known ones that are of the same kind.
function like(own, known) {
  const fits = ([name, value]) => name in own && typeof value === typeof own[name];
  return { ...own, ...Object.fromEntries(Object.entries(known || {}).filter(fits)) };
}
