// The fields of the folded sections: plain inputs, made from the table of parameters.

import { byId, el } from "./dom.js";
import { t } from "./messages.js";
import { addSlider, limit, moveSlider } from "./sliders.js";

const SLIDER_STOPS = 160; // a slider with more is no help in hitting a number
const fields = new Map(); // name -> its input
const listeners = new Set();

export const plainNames = () => Object.values(window.inkstone.folds).flat();

export function onPlain(listener) {
  listeners.add(listener);
}

export function buildPlain(values) {
  for (const [fold, names] of Object.entries(window.inkstone.folds)) {
    const section = document.querySelector(`[data-fold="${fold}"]`);
    const body = section.querySelector(".ink-fold-body");
    let group = null;
    for (const name of names) {
      const own = window.inkstone.parameters[name].group;
      if (group && group !== own) body.append(el("h3", { className: "ink-group" }, t(`label.${own}`)));
      group = own;
      (name === fold ? section.querySelector(".ink-fold-head") : body).append(build(name));
    }
  }
  drawPlain(values);
}

function build(name) {
  const row = window.inkstone.parameters[name];
  const input = make[row.kind](row, `param.${name}`);
  const words = el("span", { className: "ink-label" }, t(`param.${name}`));
  const label = row.kind === "flag" ? [input, words] : [words, input];
  const node = el("div", { id: `ink-${name}`, className: `ink-field ink-plain ink-${row.kind}` },
    el("label", {}, ...label));
  input.autocomplete = "off";
  if (slides(row)) addSlider(node, input, row);
  else if (row.minimum !== null) limit(input, row);
  input.addEventListener("input", () => changed(name));
  fields.set(name, input);
  return node;
}

const number = (row) => el("input", {
  type: "number", placeholder: row.default === null ? t(row.needs ? "form.same" : "form.automatic") : "",
});

const make = {
  flag: () => el("input", { type: "checkbox" }),
  integer: number,
  number,
  text: (row, key) => el("textarea", { rows: 2, placeholder: t(`${key}.placeholder`) }),
  choice: (row) => fillMenu(el("select"), row),
};

function slides(row) {
  if (row.minimum === null || !row.step || row.default === null || row.default < row.minimum) return false;
  return (row.maximum - row.minimum) / row.step <= SLIDER_STOPS;
}

// Names stay as they are, words are translated.
export function plainWords(choice, row) {
  if (choice === "") return t(row.needs === "hires" ? "form.same" : "form.none");
  if (choice === "Automatic") return t("form.automatic");
  const key = `choice.${choice.toLowerCase().replaceAll(" ", "_")}`;
  return WORDED.has(row.menu) ? t(key) : choice;
}

const WORDED = new Set(["emphasis_modes", "noise_schedules", "refiner_passes"]);

function fillMenu(select, row) {
  select.replaceChildren(...(row.choices || []).map((value) => el("option", { value }, plainWords(value, row))));
  return select;
}

// Menus of models: they change while the page is open.
export function setMenus(menus, values) {
  for (const name of plainNames()) {
    const row = window.inkstone.parameters[name];
    if (!(row.menu in menus)) continue;
    row.choices = row.empty ? ["", ...menus[row.menu]] : menus[row.menu];
    if (!row.choices.includes(values[name])) values[name] = row.default;
    if (fields.has(name)) fillMenu(fields.get(name), row).value = values[name];
  }
}

export function drawPlain(values) {
  for (const [name, input] of fields) {
    const value = values[name];
    if (input.type === "checkbox") input.checked = Boolean(value);
    else if (String(value ?? "") !== input.value) input.value = value ?? "";
    moveSlider(byId(`ink-${name}`), value);
  }
}

function changed(name) {
  const input = fields.get(name);
  const { kind } = window.inkstone.parameters[name];
  let value = input.value;
  if (kind === "flag") value = input.checked;
  else if (kind === "integer" || kind === "number") value = value === "" ? null : Number(value);
  for (const listener of listeners) listener(name, value);
}
