// Values of a form: which of them can be used, and how a browser keeps them.

import { recall, remember } from "./dom.js";

export function usable(name, value) {
  const row = window.inkstone.parameters[name];
  if (!row || value === undefined) return false;
  if (row.kind === "integer" || row.kind === "number") {
    return value === null ? row.default === null : Number.isFinite(value);
  }
  if (row.kind === "flag") return typeof value === "boolean";
  if (typeof value !== "string") return false;
  if (row.kind === "color") return /^#[0-9a-fA-F]{6}$/.test(value);
  return !row.choices || row.choices.includes(value);
}

// What was kept under this name; null if there is nothing that one could use.
export function keptValues(store) {
  try {
    const values = JSON.parse(recall(store) || "null");
    return values && typeof values === "object" ? values : null;
  } catch {
    return null;
  }
}

export function keepValues(store, values) {
  remember(store, JSON.stringify(values));
}

export function defaultsOf(names) {
  return Object.fromEntries(names.map((name) => [name, window.inkstone.parameters[name].default]));
}
