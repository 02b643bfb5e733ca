// Brings pictures to the img2img tab from anywhere on the page. The tab is drawn, and its scripts
// are fetched, when it is first opened.

import { openTab } from "./forms.js";
import { whenPresent } from "./dom.js";

const tab = whenPresent(["ink-img2img"])
  .then(() => import("./img2img/tab.js"))
  .then(({ startTab }) => startTab());

// `mode`: the tab's way of working; source: { blob() -> promise, settings: request fields }.
export async function sendTo(mode, source) {
  openTab("img2img");
  await (await tab).take(mode, source);
}

// Puts a picture's start picture, mask and settings into the tab again.
export async function reuseThere(picture) {
  openTab("img2img");
  await (await tab).reuse(picture);
}

export const MODES = new Set(["img2img", "sketch", "inpaint"]);
