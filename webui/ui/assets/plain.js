// The fields that our scripts draw: plain inputs, made from the table of parameters.

import { byId, el } from "./dom.js";
import { t } from "./messages.js";
import { titleOf } from "./models.js";
import { addSlider, limit, moveSlider } from "./sliders.js";

const SLIDER_STOPS = 160; // a slider with more is no help in hitting a number
const SIZES = new Set(["width", "height"]); // where a rough size is a help already

const rowOf = (name) => window.inkstone.parameters[name];
export const fieldId = (prefix, name) => `${prefix}-${name}`;

// The plain fields of one form. `onchange(name, value)` hears what people enter.
export function createPlain({ prefix, names, onchange }) {
  const inputs = new Map();

  function build(name) {
    const row = rowOf(name);
    const input = make[row.kind](row, `param.${name}`);
    const words = el("span", { className: "ink-label" }, t(`param.${name}`));
    const label = row.kind === "flag" ? [input, words] : [words, input];
    const node = el("div", { id: fieldId(prefix, name), className: `ink-field ink-plain ink-${row.kind}` },
      el("label", {}, ...label));
    input.autocomplete = "off";
    if (SIZES.has(name) || slides(row)) addSlider(node, input, row);
    else if (row.minimum !== null) limit(input, row);
    input.addEventListener("input", () => onchange(name, valueIn(input, row)));
    inputs.set(name, input);
    return node;
  }

  function draw(values) {
    for (const [name, input] of inputs) {
      const value = values[name];
      if (input.type === "checkbox") input.checked = Boolean(value);
      else if (String(value ?? "") !== input.value) input.value = value ?? "";
      moveSlider(byId(fieldId(prefix, name)), value);
    }
  }

  // Menus of models: they change while the page is open.
  function setMenus(menus, values) {
    for (const name of names) {
      const row = rowOf(name);
      if (!(row.menu in menus)) continue;
      row.choices = row.empty ? ["", ...menus[row.menu]] : menus[row.menu];
      if (!row.choices.includes(values[name])) values[name] = row.default;
      if (inputs.has(name)) fillMenu(inputs.get(name), row).value = values[name];
    }
  }

  return { names, build, draw, setMenus };
}

const number = (row) => el("input", {
  type: "number", placeholder: row.default === null ? t(row.needs.length ? "form.same" : "form.automatic") : "",
});


const make = {
  flag: () => el("input", { type: "checkbox" }),
  integer: number,
  number,
  text: (row, key) => el("textarea", { rows: 2, placeholder: t(`${key}.placeholder`) }),
  choice: (row) => fillMenu(el("select"), row),
  color: () => el("input", { type: "color" }),
};

function valueIn(input, { kind }) {
  if (kind === "flag") return input.checked;
  if (kind === "integer" || kind === "number") return input.value === "" ? null : Number(input.value);
  return input.value;
}

function slides(row) {
  if (row.minimum === null || !row.step || row.default === null || row.default < row.minimum) return false;
  return (row.maximum - row.minimum) / row.step <= SLIDER_STOPS;
}

// Names stay as they are, words are translated.
export function plainWords(choice, row) {
  if (choice === "") return t(row.group === "hires" ? "form.same" : "form.none");
  if (choice === "Automatic") return t("form.automatic");
  if (row.menu === "checkpoints") return titleOf(choice);
  const key = `choice.${choice.toLowerCase().replaceAll(" ", "_")}`;
  return WORDED.has(row.menu) ? t(key) : choice;
}

const WORDED = new Set([
  "emphasis_modes", "noise_schedules", "refiner_passes",
  "resize_modes", "mask_modes", "masked_contents", "inpaint_areas",
]);

function fillMenu(select, row) {
  select.replaceChildren(...(row.choices || []).map((value) => el("option", { value }, plainWords(value, row))));
  return select;
}
