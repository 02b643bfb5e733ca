// txt2img's form: kept in this browser, filled in again, applied from pictures.

import { byId, show } from "./dom.js";
import { live } from "./live.js";
import { clearBanner, note, refused } from "./notices.js";
import { t } from "./messages.js";
import { showModel } from "./welcome.js";
import { addSliders, createProblems, moveSliders } from "./fields.js";
import { createFolds } from "./folds.js";
import { addForm, openTab } from "./forms.js";
import { checkpointChosen, knownModels, menusOf, onModels, ownDefaults } from "./models.js";
import { createPlain } from "./plain.js";
import { post, Refusal } from "./api.js";
import { reuseThere } from "./send.js";
import { createStyles } from "./styles.js";
import { createCounter } from "./tokens.js";
import { defaultsOf, keepValues, keptValues, usable } from "./values.js";

const PREFIX = "ink";
const STORE = "form.txt2img";
const DEFAULTED = ["width", "height", "steps", "cfg_scale", "sampler", "schedule", "clip_skip"];

export const current = {};
let pending = null;
let filled = false;
let untouched = true;
let announceFilled;
export const whenFilled = new Promise((resolve) => {
  announceFilled = resolve;
});

const sections = { prefix: PREFIX, folds: window.inkstone.folds, kept: "folds" };
const names = Object.values(sections.folds).flat();
const plain = createPlain({ prefix: PREFIX, names, onchange: entered });
const folds = createFolds(sections);
const problems = createProblems({ prefix: PREFIX, summary: "ink-problems" });
const styles = createStyles({ prefix: PREFIX, store: "styles", form: { current, apply }, changed: count });
const counter = createCounter(PREFIX, styles);

function count() {
  counter(current);
}

// Gradio asks for the values of the form: at the start the kept ones, later those to apply.
export function fill(all, values) {
  const stored = filled ? null : keptValues(STORE);
  if (stored) untouched = false;
  const applied = pending;
  const wanted = applied || stored || {};
  const start = (name, value) => (filled ? value : window.inkstone.parameters[name].default ?? null);
  const shown = all.map((name, at) => start(name, values[at])); // Gradio draws "nothing" as 0
  pending = null;
  const result = all.map((name, at) => (usable(name, wanted[name]) ? wanted[name] : shown[at]));
  filled = true;
  all.forEach((name, at) => {
    current[name] = result[at];
  });
  for (const name of names) {
    if (usable(name, wanted[name])) current[name] = wanted[name];
    else if (!(name in current)) current[name] = window.inkstone.parameters[name].default;
  }
  if (applied) keepValues(STORE, current); // Gradio tells only of changes in its own
  draw();
  return result;
}

function draw() {
  checkpointChosen(current.checkpoint);
  moveSliders(PREFIX, current);
  plain.draw(current);
  folds.draw(current);
}

// Everything that Generate sends: Gradio's values, and beside them ours as one text.
export function collect(all, values) {
  const more = Object.fromEntries(names.map((name) => [name, current[name]]));
  return [...values.slice(0, all.length), JSON.stringify({ ...more, styles: styles.chosen() })];
}

export function keep(all, values) {
  if (!filled) return;
  const before = current.checkpoint;
  all.forEach((name, at) => {
    current[name] = values[at];
  });
  keepValues(STORE, current);
  moveSliders(PREFIX, current);
  folds.draw(current);
  count();
  if (before === current.checkpoint) return;
  checkpointChosen(current.checkpoint);
  suggest();
  showModel(current.checkpoint, knownModels().about[current.checkpoint]);
}

function entered(name, value) {
  current[name] = value;
  if (value === true) folds.switchedOn(name);
  if (filled) keepValues(STORE, current);
  folds.draw(current);
  count(); // the emphasis mode counts too
}

export function apply(settings) {
  pending = { ...settings };
  byId("ink-apply").click();
}

// Settings of a picture: its prompt has the styles in it already.
export function applyWhole(settings) {
  if ("prompt" in settings || "negative_prompt" in settings) styles.clear();
  apply(settings);
}

onModels(() => {
  const known = knownModels().checkpoints;
  const offered = Object.keys(known);
  const changes = {};
  if (offered.length && !offered.includes(current.checkpoint)) [changes.checkpoint] = offered;
  plain.setMenus(menusOf(), current);
  const chosen = changes.checkpoint || current.checkpoint;
  if (untouched) Object.assign(changes, known[chosen]);
  untouched = false;
  if (Object.keys(changes).length) apply(changes);
  showModel(chosen, knownModels().about[chosen]);
  announceFilled();
});

// Another checkpoint: its own size and steps are offered, not forced on anyone.
function suggest() {
  const place = byId("ink-suggestion");
  const own = ownDefaults(current.checkpoint);
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
    problems.clear();
    clearBanner();
    return;
  }
  const homeless = problems.show(outcome.problems);
  if (homeless.length) refused(new Refusal(422, homeless));
}

export function lastSeed(seed) {
  const picture = live.pictures[0];
  return picture ? picture.seed : seed;
}

export function reuseSettings(picture) {
  if (picture.settings.init_image) return reuseThere(picture);
  const { batch_size: size, batch_count: batches, ...settings } = picture.settings;
  if (!settings.variation_strength) delete settings.variation_seed;
  applyWhole({ ...defaultsOf(names), ...settings }); // a picture older than a field was made without it
  note(t("note.settings_reused"));
  return openTab("txt2img");
}

export function reuseSeed(picture) {
  apply({ seed: picture.seed });
  note(t("note.seed_reused", { seed: picture.seed }));
}

// Draws the second pass alone, on a picture that is there.
export async function hiresOf(picture) {
  const fields = sections.folds.hires.filter((name) => name !== "hires");
  try {
    await post(`/api/pictures/${picture.id}/hires`, Object.fromEntries(fields.map((f) => [f, current[f]])));
  } catch (error) {
    if (!error.problems) throw error;
    openTab("txt2img");
    const homeless = problems.show(error.problems);
    if (homeless.length) refused(new Refusal(error.status, homeless));
    return;
  }
  note(t("note.enqueued"));
  openTab("txt2img");
}

export function startForm() {
  addSliders(PREFIX);
  folds.start(plain);
  draw();
  addForm("txt2img", {
    current,
    apply,
    applyWhole,
    prompt: byId("ink-prompt").querySelector("textarea"),
    generate: byId("ink-generate"),
    visible: () => byId("ink-prompt").offsetParent !== null,
  });
  styles.start();
  count();
}
