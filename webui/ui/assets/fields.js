// Fields show what is wrong with them; Gradio's number fields get a slider and their limits.

import { byId, el } from "./dom.js";
import { fieldId } from "./plain.js";
import { unfold } from "./folds.js";
import { sentence, t } from "./messages.js";
import { addSlider, moveSlider } from "./sliders.js";

const SLIDERS = ["steps", "cfg_scale", "width", "height", "batch_count", "batch_size"];
const SHARED = { checkpoint: "ink-checkpoint" }; // fields that all forms have in common

const inputOf = (node) => node?.querySelector("textarea, select, input:not([type=range])");

export function addSliders(prefix) {
  for (const name of SLIDERS) {
    const node = byId(fieldId(prefix, name));
    const input = inputOf(node);
    if (!input || node.querySelector("input[type=range]")) continue;
    addSlider(node, input, window.inkstone.parameters[name]);
  }
}

export function moveSliders(prefix, values) {
  for (const name of SLIDERS) moveSlider(byId(fieldId(prefix, name)), values[name]);
}

// The messages of one form; `summary` is the id of the line that counts them.
export function createProblems({ prefix, summary }) {
  const notes = new Map(); // field's element -> its message

  function clear(only) {
    for (const [node, note] of notes) {
      if (only && node !== only) continue;
      const input = inputOf(node);
      input?.removeAttribute("aria-invalid");
      input?.removeAttribute("aria-describedby");
      node.classList.remove("ink-invalid");
      note.remove();
      notes.delete(node);
    }
    if (!notes.size) byId(summary).hidden = true;
  }

  // Shows each problem at its field; returns those that belong to no field of this form.
  function show(problems) {
    clear();
    const homeless = [];
    let first;
    for (const problem of problems) {
      const node = placeOf(problem.field);
      if (!node) {
        homeless.push(problem);
        continue;
      }
      unfold(node);
      mark(node, problem);
      first ||= node;
    }
    const shown = problems.length - homeless.length;
    const line = byId(summary);
    line.textContent = shown ? t("form.problems", { count: shown }) : "";
    line.hidden = !shown;
    if (first) {
      first.scrollIntoView({ block: "nearest" });
      inputOf(first)?.focus({ preventScroll: true });
    }
    return homeless;
  }

  function placeOf(field) {
    if (!field) return null;
    return byId(SHARED[field] || fieldId(prefix, field));
  }

  function mark(node, problem) {
    const id = `${node.id}-error`;
    const input = inputOf(node);
    input?.setAttribute("aria-invalid", "true");
    input?.setAttribute("aria-describedby", id);
    node.classList.add("ink-invalid");
    if (notes.has(node)) {
      notes.get(node).append(` ${sentence(problem)}`);
      return;
    }
    const text = el("p", { className: "ink-error", id }, sentence(problem));
    node.append(text);
    notes.set(node, text);
    node.addEventListener("input", () => clear(node), { once: true });
  }

  return { show, clear };
}
