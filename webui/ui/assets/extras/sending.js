// Pictures on their way to the server: one, or those of a list, one after the other.

import { get, post } from "../api.js";
import { forget, inputOf } from "../img2img/sources.js";
import { live, onChange } from "../live.js";
import { sentence } from "../messages.js";
import { clearBanner, reasonOf, refused } from "../notices.js";
import { readPicture } from "../reading.js";

const ENDS = { done: "done", failed: "failed", cancelled: "stopped", set_aside: "failed" };

// `values()`: what is to be done; `fault(problems)` shows what is wrong with it; `changed()`: told
// when the sending begins and ends.
export function createSending({ list, values, fault, changed }) {
  let busy = false;
  let stopping = false;
  const ended = new Map(); // jobs that ended while others are sent

  // `row`: one picture without a place in the list, or null for those of the list that wait.
  async function start(row) {
    if (busy) return;
    busy = true;
    stopping = false;
    ended.clear();
    changed();
    const rows = row ? [row] : list.all().filter(({ state }) => state === "waiting");
    try {
      for (const one of rows) if (stopping || !(await sendOne(one, one === row))) break;
    } finally {
      busy = false;
      changed();
    }
  }

  // Whether the next one is to be sent.
  async function sendOne(row, alone) {
    const update = (changes) => alone || list.update(row, changes);
    update({ state: "sending" });
    try {
      const job = await submit(row, true);
      update({ state: "queued", job: job.id });
      if (ended.has(job.id)) finish(ended.get(job.id)); // faster than the answer
      else if (stopping) cancel(row);
      fault([]);
      clearBanner();
      return true;
    } catch (error) {
      if (!error.problems) throw error;
      const ofPicture = !alone && error.problems.every(({ field }) => !field || field === "picture");
      update(ofPicture ? { state: "failed", problem: reasonOf(error) } : { state: "waiting" });
      if (!ofPicture) fault(error.problems);
      return ofPicture;
    }
  }

  async function submit(row, again) {
    const body = values();
    body.picture = row.file ? (await inputOf(row.file)).id : row.id;
    body.infotext = row.infotext ?? (row.file ? (await readPicture(row.file)).infotext : "");
    try {
      return await post("/api/extras", body);
    } catch (error) {
      if (!again || !row.file || !error.problems?.some(({ field }) => field === "picture")) throw error;
      forget(row.file); // the server has put unused pictures away meanwhile
      return submit(row, false);
    }
  }

  function stop() {
    stopping = true;
    for (const row of list.all()) if (row.state === "queued") cancel(row);
  }

  function cancel(row) {
    post(`/api/jobs/${row.job}/cancel`).catch(refused);
  }

  function finish(job) {
    if (!ENDS[job.state]) return;
    if (busy) ended.set(job.id, job);
    const row = list.all().find((one) => one.job === job.id);
    if (row && row.state === "queued") {
      list.update(row, { state: ENDS[job.state], problem: job.error ? sentence(job.error) : undefined });
    }
  }

  // What ended while the page was not connected.
  async function catchUp() {
    const open = list.all().filter((row) => row.state === "queued" && !live.jobs.has(row.job));
    for (const row of open) finish(await get(`/api/jobs/${row.job}`));
  }

  onChange((kind, payload) => {
    if (kind === "job") finish(payload);
    if (live.connected && (kind === "snapshot" || kind === "connection")) catchUp().catch(refused);
  });
  return { start, stop, busy: () => busy };
}
