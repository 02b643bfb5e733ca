// Batch: one job for each of several files, of this computer or of a folder on the server.

import { el, iconButton, recall, remember, setText, show } from "../dom.js";
import { get, post } from "../api.js";
import { live, onChange } from "../live.js";
import { sentence, t } from "../messages.js";
import { note, reasonOf, refused } from "../notices.js";
import { labelOf, readPicture } from "../reading.js";
import { createBatchList, ENDED } from "./batch_list.js";
import { part } from "./form.js";
import { inputOf } from "./sources.js";

const STORE = "img2img-batch-take";
const TAKEN = {
  prompt: ["prompt"], negative_prompt: ["negative_prompt"], seed: ["seed"], cfg_scale: ["cfg_scale"],
  sampler: ["sampler", "schedule"], steps: ["steps"], checkpoint: ["checkpoint"],
};
const ENDS = { done: "done", failed: "failed", cancelled: "stopped", set_aside: "failed" };
const PICTURES = new Set(["init_image", "mask", undefined, null]);

// `valuesFor(size)`: the form's values for a picture of this size; `fault(problems)` shows what is
// wrong with the form, `mended()` takes that away.
export function createBatch({ valuesFor, fault, mended }) {
  const list = createBatchList({ changed: drawProgress });
  let mask = null; // a file for all
  let stopping = false;
  let busy = false;
  const ended = new Map(); // jobs that ended while others are sent
  const chosen = new Set((recall(STORE) || "").split(",").filter((name) => name in TAKEN));

  const choose = el("label", { className: "ink-batch-drop" },
    el("span", {}, t("img2img.batch_choose")),
    el("input", { type: "file", multiple: true, accept: "image/*", className: "ink-hidden-input", id: "ink-img2img-batch-files",
      onchange: ({ target }) => {
        addFiles(target.files);
        target.value = "";
      } }));
  const maskName = el("span", { className: "ink-count" });
  const maskOff = iconButton("close", t("img2img.batch_no_mask"), () => setMask(null));
  const maskRow = el("div", { className: "ink-plain-row ink-row-tool" },
    el("label", { className: "ink-button ink-file" }, t("img2img.batch_mask"),
      el("input", { type: "file", accept: "image/*", id: "ink-img2img-batch-mask", onchange: ({ target }) => {
        setMask(target.files[0] || null);
        target.value = "";
      } })), maskName, maskOff);
  const take = el("fieldset", { className: "ink-batch-take" }, el("legend", {}, t("img2img.batch_take")),
    ...Object.keys(TAKEN).map((name) => el("label", { className: "ink-chosen ink-plain" },
      el("input", { type: "checkbox", value: name, checked: chosen.has(name), onchange: ({ target }) => {
        if (target.checked) chosen.add(name);
        else chosen.delete(name);
        remember(STORE, [...chosen].join(","));
      } }), labelOf(name))));
  const progress = el("span", { className: "ink-count", role: "status", id: "ink-img2img-batch-progress" });
  const stop = button("img2img.batch_stop", stopAll);
  const empty = button("img2img.batch_clear", () => list.clear());
  part("batch").append(choose, live.admin ? folders() : "", maskRow, take,
    el("div", { className: "ink-tools" }, progress, el("span", { className: "ink-space" }), stop, empty), list.node);
  part("batch").addEventListener("dragover", (event) => event.preventDefault());
  part("batch").addEventListener("drop", (event) => {
    event.preventDefault();
    addFiles(event.dataTransfer.files);
  });
  setMask(null);
  drawProgress();

  function button(key, onclick) {
    return el("button", { type: "button", className: "ink-button", onclick }, t(key));
  }

  function folders() {
    const field = (key) => el("input", { type: "text", autocomplete: "off", placeholder: t(key), "aria-label": t(key) });
    const [path, masks] = [field("img2img.batch_folder"), field("img2img.batch_masks")];
    const open = button("img2img.batch_list", async () => {
      try {
        const rows = await post("/api/inputs/folder", { path: path.value, masks: masks.value });
        list.add(rows.map((row) => ({ ...row, problem: row.problem && sentence(row.problem) })));
      } catch (error) {
        refused(error);
      }
    });
    return el("div", { className: "ink-plain ink-batch-folder" }, path, masks, open);
  }

  function addFiles(files) {
    list.add([...files].map((file) => ({ name: file.name, file })));
    mended();
  }

  function setMask(file) {
    mask = file;
    setText(maskName, file ? file.name : t("img2img.batch_no_mask_yet"));
    show(maskOff, Boolean(file));
  }

  function drawProgress() {
    const rows = list.all();
    const ended = rows.filter((row) => ENDED.has(row.state)).length;
    setText(progress, rows.length ? t("img2img.batch_progress", { done: ended, total: rows.length }) : "");
    show(stop, rows.some((row) => row.job && row.state === "queued") || busy);
    show(empty, rows.length > 0);
  }

  // Sends one picture after the other; the queue draws them.
  async function start() {
    if (busy) return;
    const waiting = list.all().filter((row) => row.state === "waiting");
    if (!waiting.length) {
      fault([{ key: "img2img.batch_nothing", values: {}, field: "init_image" }]);
      return;
    }
    busy = true;
    stopping = false;
    ended.clear();
    try {
      for (const row of waiting) if (!(await sendOne(row))) break;
    } finally {
      busy = false;
      drawProgress();
    }
  }

  // Whether the next one is to be sent.
  async function sendOne(row) {
    if (stopping) return false;
    list.update(row, { state: "sending" });
    try {
      const start = row.file ? await inputOf(row.file) : row;
      const own = row.file && chosen.size ? await taken(row.file) : {};
      const all = { ...valuesFor(start), ...own, init_image: start.id };
      if (row.mask) all.mask = row.mask;
      else if (mask) all.mask = (await inputOf(mask)).id;
      const job = await post("/api/jobs", all);
      list.update(row, { state: "queued", job: job.id });
      if (ended.has(job.id)) finish(ended.get(job.id)); // a small job may be faster than the answer
      else if (stopping) cancel(row);
    } catch (error) {
      if (!error.problems) throw error;
      const ofForm = error.problems.filter((problem) => !PICTURES.has(problem.field));
      list.update(row, ofForm.length ? { state: "waiting" } : { state: "failed", problem: reasonOf(error) });
      if (ofForm.length) fault(error.problems);
      return !ofForm.length;
    }
    return true;
  }

  async function taken(file) {
    const { values } = await readPicture(file);
    const fields = [...chosen].flatMap((name) => TAKEN[name]);
    return Object.fromEntries(fields.filter((field) => field in values).map((field) => [field, values[field]]));
  }

  function cancel(row) {
    post(`/api/jobs/${row.job}/cancel`).catch(refused);
  }

  function stopAll() {
    stopping = true;
    for (const row of list.all()) if (row.state === "queued") cancel(row);
  }

  function finish(job) {
    if (!ENDS[job.state]) return;
    if (busy) ended.set(job.id, job);
    const row = list.all().find((one) => one.job === job.id);
    if (!row || ENDED.has(row.state)) return;
    list.update(row, { state: ENDS[job.state], problem: job.error ? sentence(job.error) : "" });
    const rows = list.all().filter((one) => one.job);
    if (!busy && rows.every((one) => ENDED.has(one.state))) note(t("img2img.batch_ended", { count: rows.length }));
  }

  onChange((kind, job) => {
    if (kind === "job") finish(job);
    if (kind !== "snapshot") return;
    // What ended while the page was not connected.
    const lost = list.all().filter((row) => row.state === "queued" && !live.jobs.has(row.job));
    for (const row of lost) get(`/api/jobs/${row.job}`).then(finish, refused);
  });

  return { start };
}
