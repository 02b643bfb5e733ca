// What the page knows about the models: native size, defaults and own words by name.

let models = { checkpoints: {}, vaes: [], upscalers: [], picture_upscalers: [], about: {}, titles: {} };
let chosen;
const listeners = new Set();
const choosers = new Set();

export const knownModels = () => models;
export const ownDefaults = (checkpoint) => models.checkpoints[checkpoint] || {};
export const variantOf = (checkpoint) => models.about[checkpoint]?.variant || "base";

// A model with its family, as menus show it.
export const titleOf = (name) => models.titles[name] || name;

export function onModels(listener) {
  listeners.add(listener);
}

export function setModels(text) {
  models = JSON.parse(text);
  for (const listener of listeners) listener();
}

// Hears of it when another checkpoint is chosen in the header.
export function onCheckpoint(listener) {
  choosers.add(listener);
}

export function checkpointChosen(name) {
  if (name === chosen) return;
  chosen = name;
  for (const listener of choosers) listener();
}

export const menusOf = () => ({
  checkpoints: Object.keys(models.checkpoints), vaes: models.vaes, upscalers: models.upscalers,
  picture_upscalers: models.picture_upscalers,
});
