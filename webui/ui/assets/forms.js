// The forms of the page, by the tab that they stand in, and the one that is looked at.
//
// A form: { current, apply(values), applyWhole(values), prompt: its text area, generate: its
// button, visible() }.

import { byId } from "./dom.js";

const forms = new Map();

export function addForm(tab, form) {
  forms.set(tab, form);
}

export const formOf = (tab) => forms.get(tab);

export function formInUse() {
  return [...forms.values()].find((form) => form.visible()) || formOf("txt2img");
}

export function openTab(name) {
  byId(`ink-tab-${name}-button`)?.click();
}
