// Sections that open and close, and what their heads say about the fields inside.

import { byId, el, recall, remember, setText } from "./dom.js";
import { fieldId } from "./plain.js";
import { t } from "./messages.js";
import { targetSize } from "./hires.js";
import { gridOf } from "./tiles.js";

const rowOf = (name) => window.inkstone.parameters[name];

// The sections of one form: `folds` maps their names to those of their fields, and what is open
// is kept under `kept`.
export function createFolds({ prefix, folds, kept }) {
  const toggleOf = (fold) => byId(`${prefix}-${fold}-toggle`);
  const names = Object.keys(folds);
  let open = (recall(kept) || "").split(",");

  // Puts the fields into their sections, the one that turns a section on into its head.
  function start(plain) {
    for (const fold of names) {
      const section = toggleOf(fold).closest(".ink-fold");
      const body = section.querySelector(".ink-fold-body");
      const switched = switchOf(folds[fold]);
      let group = null;
      for (const name of folds[fold]) {
        const own = rowOf(name).group;
        if (group && group !== own) body.append(el("h3", { className: "ink-group" }, t(`label.${own}`)));
        group = own;
        (name === switched ? section.querySelector(".ink-fold-head") : body).append(plain.build(name));
      }
      set(fold, open.includes(fold));
      toggleOf(fold).addEventListener("click", () => {
        const closed = toggleOf(fold).getAttribute("aria-expanded") !== "true";
        set(fold, closed);
        open = open.filter((one) => one && one !== fold).concat(closed ? fold : []);
        remember(kept, open.join(","));
      });
    }
  }

  function set(fold, opened) {
    toggleOf(fold).setAttribute("aria-expanded", String(opened));
  }

  // Opens the section that this field turns on.
  function switchedOn(name) {
    const fold = names.find((one) => switchOf(folds[one]) === name);
    if (fold) set(fold, true);
  }

  // Dims the fields that do nothing as things stand, and says in each head what is on.
  function draw(values) {
    for (const [name, row] of Object.entries(window.inkstone.parameters)) {
      if (!row.needs.length) continue;
      const node = byId(fieldId(prefix, name));
      node?.classList.toggle("ink-idle", !row.needs.some((need) => values[need]));
    }
    for (const fold of names) {
      const place = toggleOf(fold)?.querySelector(".ink-fold-summary");
      if (place) setText(place, (summaries[fold] || changed)(values, folds[fold]));
    }
  }

  return { start, set, switchedOn, draw };
}

export function unfold(node) {
  node.closest(".ink-fold")?.querySelector(".ink-fold-toggle").setAttribute("aria-expanded", "true");
}

const switchOf = (names) => names.find((name) =>
  rowOf(name).kind === "flag" && names.some((other) => rowOf(other).needs.includes(name)));

function changed(values, names) {
  const others = names.filter((name) => (values[name] ?? null) !== rowOf(name).default);
  return others.length ? t("form.changed", { count: others.length }) : "";
}

const summaries = {
  hires(values) {
    const target = targetSize(values);
    if (!values.hires || !target) return "";
    const sizes = { width: values.width, height: values.height, ...target };
    return t("form.hires_size", sizes);
  },
  refiner: (values) => values.refiner_checkpoint || "",
  seed: (values) => (values.variation_strength ? String(values.variation_strength) : ""),
  soft: (values) => (values.soft_inpainting ? t("form.on") : ""),
  tiles(values) {
    if (!values.tile_upscale) return "";
    const grid = gridOf(values.start, values);
    return grid ? t("form.tiles", grid) : t("form.on");
  },
  outpaint(values) {
    const sides = { left: "←", right: "→", up: "↑", down: "↓" };
    const grown = Object.entries(sides).filter(([side]) => values[`outpaint_${side}`] > 0);
    return grown.map(([side, arrow]) => `${arrow}${values[`outpaint_${side}`]}`).join(" ");
  },
};
