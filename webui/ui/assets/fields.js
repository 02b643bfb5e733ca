// Number fields get a slider and their limits; fields show what is wrong with them.

import { byId, el, recall, remember } from "./dom.js";
import { sentence, t } from "./messages.js";

const SLIDERS = ["steps", "cfg_scale", "width", "height", "batch_count", "batch_size", "clip_skip"];

const fieldNode = (name) => byId(`ink-${name}`);
const inputOf = (node) => node?.querySelector("textarea, input:not([type=range])");

// Gradio listens to input events; setting the value alone would not reach it.
export function setInput(input, value) {
  const prototype = input.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
  Object.getOwnPropertyDescriptor(prototype.prototype, "value").set.call(input, value);
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

export function addSliders() {
  for (const name of SLIDERS) {
    const node = fieldNode(name);
    const input = inputOf(node);
    if (!input || node.querySelector("input[type=range]")) continue;
    const row = window.inkstone.parameters[name];
    const limits = { min: row.minimum, max: row.maximum, step: row.step };
    for (const [limit, value] of Object.entries(limits)) input.setAttribute(limit, value);
    const slider = el("input", { type: "range", tabIndex: -1, "aria-hidden": "true", ...limits });
    place(slider, input.value);
    slider.addEventListener("input", () => setInput(input, slider.value));
    input.addEventListener("input", () => place(slider, input.value));
    node.append(slider);
    node.classList.add("ink-with-slider");
  }
}

function place(slider, value) {
  slider.value = value;
  const share = (slider.value - slider.min) / (slider.max - slider.min);
  slider.style.setProperty("--ink-filled", `${Math.round(share * 100)}%`);
}

export function startFold() {
  fold(recall("advanced") !== "open");
  byId("ink-advanced-toggle").addEventListener("click", () => {
    const closed = byId("ink-advanced-toggle").getAttribute("aria-expanded") === "true";
    fold(closed);
    remember("advanced", closed ? "closed" : "open");
  });
}

function fold(closed) {
  byId("ink-advanced-toggle").setAttribute("aria-expanded", String(!closed));
}

export function moveSliders(values) {
  for (const name of SLIDERS) {
    const slider = fieldNode(name)?.querySelector("input[type=range]");
    if (slider && values[name] !== null && values[name] !== undefined) place(slider, values[name]);
  }
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

function unfold(node) {
  if (node.closest("#ink-advanced")) fold(false);
}
