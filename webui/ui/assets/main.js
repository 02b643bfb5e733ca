// Starts everything. Gradio calls the functions that are put on `window.inkstone`.

import { byId, whenPresent } from "./dom.js";
import { showAccount } from "./account.js";
import { get } from "./api.js";
import { connect, live, showPictures } from "./live.js";
import * as form from "./form.js";
import { startDownloads } from "./downloads.js";
import { startGallery } from "./gallery.js";
import { startHeader } from "./header.js";
import { startHistory } from "./history.js";
import { startKeys } from "./keys.js";
import { formInUse, formOf } from "./forms.js";
import { loadMessages, t, translate } from "./messages.js";
import { startMerge } from "./merge.js";
import { setModels } from "./models.js";
import { startPaste, watchPrompts } from "./paste.js";
import { startPngInfo } from "./png_info.js";
import { startProgress } from "./progress.js";
import { startQueue } from "./queue.js";
import { note, refused } from "./notices.js";
import { startShortcuts } from "./shortcuts.js";
import { startWeights } from "./weights.js";


const RECENT = 24;

Object.assign(window.inkstone, {
  collect: form.collect,
  fill: form.fill,
  keep: form.keep,
  submitted: form.submitted,
  models: setModels,
  lastSeed: form.lastSeed,
  useExample(prompt) {
    form.apply({ prompt });
    byId("ink-prompt").querySelector("textarea").focus();
  },
});

// Gradio draws the page piece by piece, in no order that one could rely on.
const PARTS = ["ink-generate", "ink-theme", "ink-queue", "ink-advanced-toggle", "ink-styles", "ink-apply"];

function drawnByGradio() {
  const { parameters, folds } = window.inkstone;
  const ours = new Set(Object.values(folds).flat());
  const theirs = Object.keys(parameters).filter((name) => parameters[name].group === "main" && !ours.has(name));
  return theirs.map((name) => `ink-${name}`);
}

async function loadState() {
  const [session, recent] = await Promise.all([
    get("/api/session"),
    get("/api/pictures", { page: 1, size: RECENT }),
  ]);
  live.admin = session.admin;
  showAccount(session);
  if (session.admin) startDownloads();
  showPictures(recent.items);
}

async function start() {
  await Promise.all([loadMessages(), whenPresent([...PARTS, ...drawnByGradio()])]);
  translate(document);
  startHeader();
  form.startForm();
  startProgress();
  startGallery();
  startQueue("ink");
  startKeys();
  startShortcuts();
  startWeights();
  startPaste({ inUse: formInUse, latest: () => live.pictures[0]?.infotext || "" });
  watchPrompts(byId("ink-read"), byId("ink-prompt"), byId("ink-negative_prompt"));
  whenPresent(["ink-info"]).then(() => {
    translate(byId("ink-info"));
    startPngInfo({
      use(field, value) {
        formOf("txt2img").applyWhole({ [field]: value });
        note(t("info.used", { field: t(`param.${field}`) }));
      },
    });
  });
  whenPresent(["ink-merge"]).then(() => {
    translate(byId("ink-merge"));
    startMerge();
  });
  whenPresent(["ink-history"]).then(() => {
    translate(byId("ink-history")); // Gradio draws a tab when it is first opened
    startHistory();
  });
  await Promise.all([connect(), loadState().catch(refused), form.whenFilled]);
  document.body.dataset.ready = "1";
}

start();
