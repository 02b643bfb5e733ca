// Number fields get a slider and their limits; fields show what is wrong with them.

import { byId, el } from "./dom.js";
import { unfold } from "./folds.js";
import { sentence, t } from "./messages.js";
import { addSlider, moveSlider } from "./sliders.js";

const SLIDERS = ["steps", "cfg_scale", "width", "height", "batch_count", "batch_size"];

const fieldNode = (name) => byId(`ink-${name}`);
const inputOf = (node) => node?.querySelector("textarea, select, input:not([type=range])");

export function addSliders() {
  for (const name of SLIDERS) {
    const node = fieldNode(name);
    const input = inputOf(node);
    if (!input || node.querySelector("input[type=range]")) continue;
    addSlider(node, input, window.inkstone.parameters[name]);
  }
}

export function moveSliders(values) {
  for (const name of SLIDERS) moveSlider(fieldNode(name), values[name]);
}

export function clearProblems(only) {
  for (const note of document.querySelectorAll(".ink-error")) {
    const node = note.closest(".ink-field");
    if (only && node !== only) continue;
    const input = inputOf(node);
    input?.removeAttribute("aria-invalid");
    input?.removeAttribute("aria-describedby");
    node?.classList.remove("ink-invalid");
    note.remove();
  }
  if (!document.querySelector(".ink-error")) byId("ink-problems").hidden = true;
}

// Shows each problem at its field; returns those that belong to no field of this page.
export function showProblems(problems) {
  clearProblems();
  const homeless = [];
  let first;
  for (const problem of problems) {
    const node = problem.field && fieldNode(problem.field);
    if (!node) {
      homeless.push(problem);
      continue;
    }
    unfold(node);
    mark(node, problem);
    first ||= node;
  }
  const shown = problems.length - homeless.length;
  const summary = byId("ink-problems");
  summary.textContent = shown ? t("form.problems", { count: shown }) : "";
  summary.hidden = !shown;
  if (first) {
    first.scrollIntoView({ block: "nearest" });
    inputOf(first)?.focus({ preventScroll: true });
  }
  return homeless;
}

function mark(node, problem) {
  const id = `${node.id}-error`;
  const input = inputOf(node);
  input?.setAttribute("aria-invalid", "true");
  input?.setAttribute("aria-describedby", id);
  node.classList.add("ink-invalid");
  node.append(el("p", { className: "ink-error", id }, sentence(problem)));
  node.addEventListener("input", () => clearProblems(node), { once: true });
}
