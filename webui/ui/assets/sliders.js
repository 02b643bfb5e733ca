// The slider below a number field; both move together.

import { el } from "./dom.js";

// Gradio listens to input events; setting the value alone would not reach it.
export function setInput(input, value) {
  const prototype = input.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
  Object.getOwnPropertyDescriptor(prototype.prototype, "value").set.call(input, value);
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

export function limit(input, row) {
  const limits = { min: row.minimum, max: row.maximum, step: row.step };
  for (const [name, value] of Object.entries(limits)) {
    if (value !== null) input.setAttribute(name, value);
  }
  return limits;
}

export function addSlider(node, input, row) {
  const slider = el("input", { type: "range", tabIndex: -1, "aria-hidden": "true", ...limit(input, row) });
  placeSlider(slider, input.value);
  slider.addEventListener("input", () => setInput(input, slider.value));
  input.addEventListener("input", () => placeSlider(slider, input.value));
  node.append(slider);
  node.classList.add("ink-with-slider");
}

export function placeSlider(slider, value) {
  slider.value = value;
  const share = (slider.value - slider.min) / (slider.max - slider.min);
  slider.style.setProperty("--ink-filled", `${Math.round(share * 100)}%`);
}

export function moveSlider(node, value) {
  const slider = node?.querySelector("input[type=range]");
  if (slider && value !== null && value !== undefined) placeSlider(slider, value);
}
