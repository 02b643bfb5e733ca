// What becomes of results: looked at over the canvas, accepted, drawn on, or discarded.

import { urlOf } from "../api.js";
import { el } from "../dom.js";
import { live, runningJob } from "../live.js";
import { t } from "../messages.js";
import { note, refused } from "../notices.js";
import { openViewer } from "../viewer.js";
import { fetchPicture } from "./sources.js";
import { createStage } from "./stage.js";
import { begunWithPicture, createStrip } from "./strip.js";
import { createVersions } from "./versions.js";

// `accepted(keep)` hears of it when a result has become the picture on the canvas.
export function createResults({ editor, accepted }) {
  let following = false; // Generate was pressed: what comes of it is shown by itself
  const versions = createVersions({ editor, opened: close, refuse: refused });
  const stage = createStage({ act, closed });
  const strip = createStrip({ pick, seen: () => stage.shown(), preview, arrived });

  function pick(one) {
    following = one === null;
    if (one) stage.showResult(one);
    else previewNow();
    strip.draw();
  }

  function previewNow() {
    const job = runningJob();
    const source = begunWithPicture(job) && live.steps.get(job.id)?.preview;
    if (source) stage.showPreview(source, job.request);
  }

  function preview(source, request) {
    if (following) stage.showPreview(source, request);
  }

  function arrived(one) {
    if (following) stage.showResult(one);
    strip.draw();
  }

  function closed() {
    following = false;
    strip.draw();
  }

  function close() {
    following = false;
    stage.close();
  }

  // The canvas is left where it is: somebody goes on working there.
  function stay() {
    if (!stage.open()) following = false;
  }

  async function act(name, one) {
    if (name === "open") openViewer(strip.pictures(), strip.pictures().findIndex((other) => other.id === one.id));
    if (name === "download") el("a", { href: urlOf(`${one.url}?download=1`), download: "" }).click();
    if (name === "discard") discard(one);
    if (name === "accept" || name === "again") await begin(one, name === "again").catch(refused);
  }

  function discard(one) {
    const next = strip.next(one);
    strip.discard(one);
    if (next) pick(next);
    else close();
    note(t("img2img.discarded"));
  }

  // The result becomes the picture on the canvas; `keep`: under the same mask.
  async function begin(one, keep) {
    const blob = await fetchPicture(urlOf(one.url));
    await versions.push();
    await editor.load(blob, { keep });
    close();
    accepted(keep);
    note(t(keep ? "img2img.drawn_on" : "img2img.accepted"));
  }

  return {
    versions, close, stay,
    pictures: strip.pictures,
    follow() {
      following = true;
    },
  };
}
