// The form's values: kept in this browser, filled in again, applied from pictures.

import { byId, recall, remember, show } from "./dom.js";
import { live } from "./live.js";
import { clearBanner, note, refused } from "./notices.js";
import { t } from "./messages.js";
import { addSliders, clearProblems, moveSliders, showProblems, startFold } from "./fields.js";
import { Refusal } from "./api.js";
import { countTokens } from "./tokens.js";

const STORE = "form.txt2img";
const DEFAULTED = ["width", "height", "steps", "cfg_scale", "sampler", "schedule", "clip_skip"];

export const current = {};
let pending = null;
let filled = false;
let untouched = true;
let models = { checkpoints: {}, vaes: [] };
let announceFilled;
export const whenFilled = new Promise((resolve) => {
  announceFilled = resolve;
});

function usable(name, value) {
  const row = window.inkstone.parameters[name];
  if (!row || value === undefined) return false;
  if (row.kind === "integer" || row.kind === "number") {
    return value === null ? row.default === null : Number.isFinite(value);
  }
  if (typeof value !== "string") return false;
  return !row.choices || row.choices.includes(value);
}

function kept() {
  try {
    const values = JSON.parse(recall(STORE) || "null");
    return values && typeof values === "object" ? values : null;
  } catch {
    return null;
  }
}

// Gradio asks for the values of the form: at the start the kept ones, later those to apply.
export function fill(names, values) {
  const stored = filled ? null : kept();
  if (stored) untouched = false;
  const wanted = pending || stored || {};
  const start = (name, value) => (filled ? value : window.inkstone.parameters[name].default ?? null);
  const shown = names.map((name, at) => start(name, values[at])); // Gradio draws "nothing" as 0
  pending = null;
  const result = names.map((name, at) => (usable(name, wanted[name]) ? wanted[name] : shown[at]));
  filled = true;
  names.forEach((name, at) => {
    current[name] = result[at];
  });
  moveSliders(current);
  return result;
}

export function keep(names, values) {
  if (!filled) return;
  const before = current.checkpoint;
  names.forEach((name, at) => {
    current[name] = values[at];
  });
  remember(STORE, JSON.stringify(current));
  moveSliders(current);
  countTokens(current);
  if (before !== current.checkpoint) suggest();
}

export function apply(settings) {
  pending = { ...settings };
  byId("ink-apply").click();
}

export function setModels(text) {
  models = JSON.parse(text);
  const known = Object.keys(models.checkpoints);
  const changes = {};
  if (known.length && !known.includes(current.checkpoint)) [changes.checkpoint] = known;
  if (current.vae !== undefined && !models.vaes.includes(current.vae)) [changes.vae] = models.vaes;
  if (untouched) Object.assign(changes, models.checkpoints[changes.checkpoint || current.checkpoint]);
  untouched = false;
  if (Object.keys(changes).length) apply(changes);
  announceFilled();
}

// Another checkpoint: its own size and steps are offered, not forced on anyone.
function suggest() {
  const place = byId("ink-suggestion");
  const own = models.checkpoints[current.checkpoint] || {};
  const differs = DEFAULTED.some((name) => name in own && own[name] !== current[name]);
  show(place, differs);
  if (!differs) return;
  const values = { checkpoint: current.checkpoint, width: own.width, height: own.height };
  place.querySelector("span").textContent = t("form.suggestion", values);
  place.querySelector("button").onclick = () => {
    apply(own);
    show(place, false);
  };
}

export function submitted(text) {
  const outcome = JSON.parse(text || "{}");
  if (!outcome.problems?.length) {
    clearProblems();
    clearBanner();
    return;
  }
  const homeless = showProblems(outcome.problems);
  if (homeless.length) refused(new Refusal(422, homeless));
}

export function lastSeed(seed) {
  const picture = live.pictures[0];
  return picture ? picture.seed : seed;
}

export function reuseSettings(picture) {
  const { batch_size: size, batch_count: count, ...settings } = picture.settings;
  apply(settings);
  note(t("note.settings_reused"));
  openTab("txt2img");
}

export function reuseSeed(picture) {
  apply({ seed: picture.seed });
  note(t("note.seed_reused", { seed: picture.seed }));
}

export function openTab(name) {
  byId(`ink-tab-${name}-button`)?.click();
}

export function startForm() {
  addSliders();
  startFold();
  countTokens(current);
}
