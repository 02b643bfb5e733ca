// Sections that open and close, and what their heads say about the fields inside.

import { byId, recall, remember, setText } from "./dom.js";
import { t } from "./messages.js";
import { targetSize } from "./hires.js";

const KEPT = "folds";
let open = [];

export function startFolds() {
  open = (recall(KEPT) || "").split(",");
  for (const name of Object.keys(window.inkstone.folds)) {
    setFold(name, open.includes(name));
    toggleOf(name).addEventListener("click", () => {
      const closed = toggleOf(name).getAttribute("aria-expanded") !== "true";
      setFold(name, closed);
      open = open.filter((one) => one && one !== name).concat(closed ? name : []);
      remember(KEPT, open.join(","));
    });
  }
}

const toggleOf = (name) => byId(`ink-${name}-toggle`);

export function setFold(name, opened) {
  toggleOf(name).setAttribute("aria-expanded", String(opened));
}

export function unfold(node) {
  const section = node.closest(".ink-fold");
  if (section) setFold(section.dataset.fold, true);
}

// Dims the fields that do nothing as things stand, and says in each head what is on.
export function drawFolds(values) {
  for (const [name, row] of Object.entries(window.inkstone.parameters)) {
    if (!row.needs) continue;
    byId(`ink-${name}`)?.classList.toggle("ink-idle", !values[row.needs]);
  }
  for (const name of Object.keys(window.inkstone.folds)) {
    const place = toggleOf(name)?.querySelector(".ink-fold-summary");
    if (place) setText(place, summaries[name](values));
  }
}

const summaries = {
  hires(values) {
    const target = targetSize(values);
    if (!values.hires || !target) return "";
    const sizes = { width: values.width, height: values.height, ...target };
    return t("form.hires_size", sizes);
  },
  refiner(values) {
    return values.refiner_checkpoint || "";
  },
  seed(values) {
    return values.variation_strength ? String(values.variation_strength) : "";
  },
  advanced(values) {
    const changed = window.inkstone.folds.advanced.filter((name) => {
      const own = window.inkstone.parameters[name].default;
      return (values[name] ?? null) !== own;
    });
    return changed.length ? t("form.changed", { count: changed.length }) : "";
  },
};
