// Brings pictures to the img2img and extras tabs from anywhere on the page. A tab is drawn, and its
// scripts are fetched, when it is first opened.

import { openTab } from "./forms.js";
import { whenPresent } from "./dom.js";

const tab = whenPresent(["ink-img2img"])
  .then(() => import("./img2img/tab.js"))
  .then(({ startTab }) => startTab());

const extras = whenPresent(["ink-extras"])
  .then(() => import("./extras/tab.js"))
  .then(({ startTab }) => startTab());

// `mode`: "extras", or the img2img tab's way of working; source: { blob() -> promise, settings: request fields }.
export async function sendTo(mode, source) {
  if (mode === "extras") {
    openTab("extras");
    await (await extras).takeSent(source);
    return;
  }
  openTab("img2img");
  await (await tab).take(mode, source);
}

// Puts a picture's start picture, mask and settings into the tab again.
export async function reuseThere(picture) {
  openTab("img2img");
  await (await tab).reuse(picture);
}

export const MODES = new Set(["img2img", "sketch", "inpaint", "extras"]);
