// Starts everything. Gradio calls the functions that are put on `window.inkstone`.

import { byId, whenPresent } from "./dom.js";
import { get } from "./api.js";
import { connect, live, showPictures } from "./live.js";
import * as form from "./form.js";
import { startGallery } from "./gallery.js";
import { showAccount, startExamples, startHeader } from "./header.js";
import { startHistory } from "./history.js";
import { startKeys } from "./keys.js";
import { loadMessages, translate } from "./messages.js";
import { startProgress } from "./progress.js";
import { startQueue } from "./queue.js";
import { refused } from "./notices.js";

const RECENT = 24;

Object.assign(window.inkstone, {
  fill: form.fill,
  keep: form.keep,
  submitted: form.submitted,
  models: form.setModels,
  lastSeed: form.lastSeed,
  useExample(prompt) {
    form.apply({ prompt });
    byId("ink-prompt").querySelector("textarea").focus();
  },
});

async function loadState() {
  const [session, recent] = await Promise.all([
    get("/api/session"),
    get("/api/pictures", { page: 1, size: RECENT }),
  ]);
  live.admin = session.admin;
  showAccount(session);
  showPictures(recent.items);
}

async function start() {
  const parts = ["ink-generate", "ink-theme", "ink-queue", "ink-seed", "ink-apply"];
  await Promise.all([loadMessages(), whenPresent(parts)]);
  translate(document);
  startHeader();
  startExamples();
  form.startForm();
  startProgress();
  startGallery();
  startQueue();
  startKeys();
  whenPresent(["ink-history"]).then(() => {
    translate(byId("ink-history")); // Gradio draws a tab when it is first opened
    startHistory();
  });
  await Promise.all([connect(), loadState().catch(refused), form.whenFilled]);
  document.body.dataset.ready = "1";
}

start();
