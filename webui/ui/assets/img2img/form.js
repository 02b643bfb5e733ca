// img2img's form: its own values, kept in this browser, in plain fields.

import { byId, recall, remember } from "../dom.js";
import { createProblems } from "../fields.js";
import { createFolds } from "../folds.js";
import { addForm, formOf } from "../forms.js";
import { menusOf, onCheckpoint, onModels, ownDefaults, variantOf } from "../models.js";
import { createPlain } from "../plain.js";
import { createStyles } from "../styles.js";
import { createCounter } from "../tokens.js";
import { defaultsOf, keepValues, keptValues, usable } from "../values.js";

export const PREFIX = "ink-img2img";
const STORE = "form.img2img";
const TOUCHED = "img2img-touched";

export const part = (name) => byId(`${PREFIX}-${name}`);

// `begun()`: { picture, mask, size }, whether there are such and the picture's size; `onchange(name, before)` hears what people
// enter, and of null when values were put in.
export function createForm({ begun, onchange }) {
  const { fields, folds: sections, defaults } = window.inkstone.img2img;
  const names = [...fields, ...Object.values(sections).flat()];
  const stored = keptValues(STORE) || {};
  const current = {
    get checkpoint() {
      return formOf("txt2img").current.checkpoint; // one menu in the header for both forms
    },
  };
  const own = { ...defaultsOf(names), ...defaults };
  for (const name of names) current[name] = usable(name, stored[name]) ? stored[name] : own[name];
  let touched = recall(TOUCHED) === "1";

  const plain = createPlain({ prefix: PREFIX, names, onchange: entered });
  const folds = createFolds({ prefix: PREFIX, folds: sections, kept: "folds-img2img" });
  const problems = createProblems({ prefix: PREFIX, summary: `${PREFIX}-problems` });
  const styles = createStyles({ prefix: PREFIX, store: "styles-img2img", form: { current, apply }, changed: count });
  const counter = createCounter(PREFIX, styles);

  function count() {
    counter(current);
  }

  function entered(name, value) {
    const before = current[name];
    current[name] = value;
    touch(true);
    if (value === true) folds.switchedOn(name);
    onchange(name, before);
    keepValues(STORE, current);
    drawIdle();
    count();
  }

  function touch(value) {
    touched = value;
    remember(TOUCHED, value ? "1" : "");
  }

  function drawIdle() {
    const { picture, mask, size } = begun();
    folds.draw({ ...current, init_image: picture, mask, start: size });
    part("resize_mode").classList.toggle("ink-idle", !picture || current.tile_upscale);
    part("image_cfg_scale").hidden = variantOf(current.checkpoint) !== "ip2p";
  }

  // Puts values in; those that this form cannot use stay as they are.
  function put(settings) {
    for (const name of names) if (usable(name, settings[name])) current[name] = settings[name];
    keepValues(STORE, current);
    plain.draw(current);
    drawIdle();
    count();
  }

  function apply(settings) {
    const { checkpoint } = settings;
    if (checkpoint && checkpoint !== current.checkpoint) formOf("txt2img").apply({ checkpoint });
    put(settings);
    onchange(null, settings);
  }

  // Settings of a picture: its prompt has the styles in it already.
  function applyWhole(settings) {
    if ("prompt" in settings || "negative_prompt" in settings) styles.clear();
    touch(true);
    apply(settings);
  }

  function followModel() {
    if (!touched) put(ownDefaults(current.checkpoint));
    drawIdle();
  }

  function start() {
    for (const slot of byId(PREFIX).querySelectorAll("[data-slot]")) {
      slot.replaceWith(plain.build(slot.dataset.slot));
    }
    folds.start(plain);
    plain.setMenus(menusOf(), current);
    put({});
    followModel();
    styles.start();
    onModels(() => {
      plain.setMenus(menusOf(), current);
      followModel();
    });
    onCheckpoint(() => {
      followModel();
      count();
      onchange(null, {});
    });
    addForm("img2img", {
      current, apply, applyWhole,
      prompt: part("prompt").querySelector("textarea"),
      generate: part("generate"),
      visible: () => byId(PREFIX).offsetParent !== null,
    });
  }

  return {
    current, own, start, put, apply, applyWhole, drawIdle,
    untouched: () => !touched,
    showProblems: problems.show,
    clearProblems: problems.clear,
    // What a job is asked for with, the pictures aside.
    values: () => ({ ...current, styles: styles.chosen() }),
  };
}
