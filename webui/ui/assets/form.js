// The form's values: kept in this browser, filled in again, applied from pictures.

import { byId, recall, remember, show } from "./dom.js";
import { live } from "./live.js";
import { clearBanner, note, refused } from "./notices.js";
import { t } from "./messages.js";
import { showModel } from "./welcome.js";
import { addSliders, clearProblems, moveSliders, showProblems } from "./fields.js";
import { drawFolds, setFold, startFolds } from "./folds.js";
import { buildPlain, drawPlain, onPlain, plainNames, setMenus } from "./plain.js";
import { post, Refusal } from "./api.js";
import { chosenStyles, clearStyles } from "./styles.js";
import { countTokens } from "./tokens.js";

const STORE = "form.txt2img";
const DEFAULTED = ["width", "height", "steps", "cfg_scale", "sampler", "schedule", "clip_skip"];

export const current = {};
let pending = null;
let filled = false;
let untouched = true;
let models = { checkpoints: {}, vaes: [], about: {} };
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
  if (row.kind === "flag") return typeof value === "boolean";
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
  const applied = pending;
  const wanted = applied || stored || {};
  const start = (name, value) => (filled ? value : window.inkstone.parameters[name].default ?? null);
  const shown = names.map((name, at) => start(name, values[at])); // Gradio draws "nothing" as 0
  pending = null;
  const result = names.map((name, at) => (usable(name, wanted[name]) ? wanted[name] : shown[at]));
  filled = true;
  names.forEach((name, at) => {
    current[name] = result[at];
  });
  for (const name of plainNames()) {
    if (usable(name, wanted[name])) current[name] = wanted[name];
    else if (!(name in current)) current[name] = window.inkstone.parameters[name].default;
  }
  if (applied) remember(STORE, JSON.stringify(current)); // Gradio tells only of changes in its own
  draw();
  return result;
}

function draw() {
  moveSliders(current);
  drawPlain(current);
  drawFolds(current);
}

// Everything that Generate sends: Gradio's values, and beside them ours as one text.
export function collect(names, values) {
  const more = Object.fromEntries(plainNames().map((name) => [name, current[name]]));
  return [...values.slice(0, names.length), JSON.stringify({ ...more, styles: chosenStyles() })];
}

export function keep(names, values) {
  if (!filled) return;
  const before = current.checkpoint;
  names.forEach((name, at) => {
    current[name] = values[at];
  });
  remember(STORE, JSON.stringify(current));
  moveSliders(current);
  drawFolds(current);
  countTokens(current);
  if (before === current.checkpoint) return;
  suggest();
  showModel(current.checkpoint, models.about[current.checkpoint]);
}

export function apply(settings) {
  pending = { ...settings };
  byId("ink-apply").click();
}

// Settings of a picture: its prompt has the styles in it already.
export function applyWhole(settings) {
  if ("prompt" in settings || "negative_prompt" in settings) clearStyles();
  apply(settings);
}

export function setModels(text) {
  models = JSON.parse(text);
  const known = Object.keys(models.checkpoints);
  const changes = {};
  if (known.length && !known.includes(current.checkpoint)) [changes.checkpoint] = known;
  setMenus({ checkpoints: known, vaes: models.vaes }, current);
  if (untouched) Object.assign(changes, models.checkpoints[changes.checkpoint || current.checkpoint]);
  untouched = false;
  if (Object.keys(changes).length) apply(changes);
  const chosen = changes.checkpoint || current.checkpoint;
  showModel(chosen, models.about[chosen]);
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
  if (!settings.variation_strength) delete settings.variation_seed;
  applyWhole({ ...plainDefaults(), ...settings });
  note(t("note.settings_reused"));
  openTab("txt2img");
}

// A picture from before a field existed was made without it.
function plainDefaults() {
  return Object.fromEntries(plainNames().map((name) => [name, window.inkstone.parameters[name].default]));
}

export function reuseSeed(picture) {
  apply({ seed: picture.seed });
  note(t("note.seed_reused", { seed: picture.seed }));
}

// Draws the second pass alone, on a picture that is there.
export async function hiresOf(picture) {
  const fields = plainNames().filter((name) => window.inkstone.parameters[name].needs === "hires");
  try {
    await post(`/api/pictures/${picture.id}/hires`, Object.fromEntries(fields.map((f) => [f, current[f]])));
  } catch (error) {
    if (!error.problems) throw error;
    openTab("txt2img");
    const homeless = showProblems(error.problems);
    if (homeless.length) refused(new Refusal(error.status, homeless));
    return;
  }
  note(t("note.enqueued"));
  openTab("txt2img");
}

export function openTab(name) {
  byId(`ink-tab-${name}-button`)?.click();
}

export function startForm() {
  addSliders();
  buildPlain(current);
  startFolds();
  drawFolds(current);
  onPlain((name, value) => {
    current[name] = value;
    if (name === "hires" && value) setFold("hires", true);
    if (filled) remember(STORE, JSON.stringify(current));
    drawFolds(current);
    countTokens(current); // the emphasis mode counts too
  });
  countTokens(current);
}
