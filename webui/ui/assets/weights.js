// Ctrl or Cmd with Up or Down: the weight of the selection, or of the word at the cursor.

import { setInput } from "./sliders.js";

const PROMPTS = '.ink-field[id$="prompt"]'; // of both forms, and of the hires pass
const STEP = 0.1;
const NET_STEP = 0.05; // what <lora:…:1> changes by
const BETWEEN_WORDS = /[\s,.()[\]<>|:{}，。、；：（）]/;
const WEIGHT = /^\(([^()]*?):\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)$/s;
const NET = /^<([^<>]*):\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*>$/;

export function startWeights() {
  document.addEventListener("keydown", (event) => {
    const up = event.key === "ArrowUp";
    if (!(up || event.key === "ArrowDown") || !(event.ctrlKey || event.metaKey)) return;
    const area = event.target;
    if (area.tagName !== "TEXTAREA" || event.isComposing) return;
    if (!area.closest(PROMPTS)) return;
    event.preventDefault();
    const changed = weigh(area.value, area.selectionStart, area.selectionEnd, up ? 1 : -1);
    if (!changed) return;
    setInput(area, changed.text);
    area.setSelectionRange(changed.start, changed.end);
  });
}

// The text with one weight changed, and what is selected then; null where there is no word.
export function weigh(text, start, end, direction) {
  const group = groupAt(text, start, end);
  if (group && text[group.start] === "<") return reweigh(text, group, NET, NET_STEP * direction, ["<", ">"]);
  if (group) return reweigh(text, group, WEIGHT, STEP * direction, ["(", ")"]);
  const stressed = stressAt(text, start, end);
  if (stressed) return put(text, stressed, stressed.inner, rounded(stressed.weight + STEP * direction), ["(", ")"]);
  const word = start === end ? wordAt(text, start) : trimmed(text, start, end);
  if (!word) return null;
  const inner = text.slice(word.start, word.end);
  return put(text, word, inner, rounded(1 + STEP * direction), ["(", ")"]);
}

function reweigh(text, group, form, change, ends) {
  const [, inner, weight] = text.slice(group.start, group.end).match(form);
  return put(text, group, inner, rounded(Number(weight) + change), ends);
}

const rounded = (weight) => Math.round(weight * 100) / 100;

// A weight of 1 needs no brackets; a net keeps them, they are its name.
function put(text, place, inner, weight, [left, right]) {
  const bare = weight === 1 && left === "(";
  const written = bare ? inner : `${left}${inner}:${weight}${right}`;
  const start = place.start + (bare ? 0 : 1);
  return {
    text: text.slice(0, place.start) + written + text.slice(place.end),
    start,
    end: start + inner.length,
  };
}

// The innermost weighted group, or the net, that holds the selection.
function groupAt(text, start, end) {
  for (const [left, right, form] of [["<", ">", NET], ["(", ")", WEIGHT]]) {
    const from = text.lastIndexOf(left, left === text[start] && start === end ? start : start - 1);
    const to = text.indexOf(right, Math.max(end - 1, from));
    if (from < 0 || to < end - 1) continue;
    if (form.test(text.slice(from, to + 1))) return { start: from, end: to + 1 };
  }
  return null;
}

// "((x))" or "[x]" around the selection: what it holds, and the weight that it stands for.
function stressAt(text, start, end) {
  for (const [left, right, factor] of [["(", ")", 1.1], ["[", "]", 1 / 1.1]]) {
    let from = text.lastIndexOf(left, start - 1);
    let to = text.indexOf(right, end);
    const inner = text.slice(from + 1, to);
    if (start < 1 || from < 0 || to < end || /[()[\]|:\\]/.test(inner)) continue;
    let weight = factor;
    for (; text[from - 1] === left && text[to + 1] === right; from -= 1, to += 1) weight *= factor;
    return { start: from, end: to + 1, inner, weight: rounded(weight) };
  }
  return null;
}

function wordAt(text, at) {
  let start = at;
  let end = at;
  while (start > 0 && !BETWEEN_WORDS.test(text[start - 1])) start -= 1;
  while (end < text.length && !BETWEEN_WORDS.test(text[end])) end += 1;
  return start < end ? { start, end } : null;
}

function trimmed(text, start, end) {
  const inner = text.slice(start, end);
  const from = start + inner.length - inner.trimStart().length;
  const to = from + inner.trim().length;
  return from < to ? { start: from, end: to } : null;
}
