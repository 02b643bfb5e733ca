// How far my job is: phase, step, time left.

import { byId, setText } from "./dom.js";
import { live, onChange, runningJob, waitingJobs } from "./live.js";
import { banner } from "./notices.js";
import { duration, sentence, t } from "./messages.js";

const PHASES = new Set(["load", "encode", "denoise", "upscale", "hires", "decode", "save"]);

const told = new Set(); // remarks that were shown, by job and words

function tellRemarks(job) {
  for (const remark of job.remarks || []) {
    const text = sentence(remark);
    if (told.has(job.id + text)) continue;
    told.add(job.id + text);
    banner(text, "remark");
  }
}

export function startProgress() {
  onChange((kind, payload) => {
    if (kind === "job" && payload.mine) tellRemarks(payload);
    if (kind === "job" && payload.mine && payload.error && payload.state !== "running") {
      banner(sentence(payload.error));
    }
    if (kind === "worker" && payload.state === "failed" && payload.message) {
      banner(sentence(payload.message));
    }
  });
  showProgress(byId("ink-progress"));
}

// Keeps a bar up to date; each tab with a form has one.
export function showProgress(node) {
  onChange(() => draw(node));
  draw(node);
}

function draw(node) {
  const job = runningJob();
  const waiting = waitingJobs();
  node.dataset.state = job ? "running" : "idle";
  node.dataset.job = job ? job.id : "";
  node.dataset.waiting = String(!job && waiting.length > 0);
  const state = job ? { ...job, ...live.steps.get(job.id) } : { progress: 0 };
  const percent = Math.round(100 * Math.min(1, state.progress || 0));
  node.querySelector(".ink-bar-fill").style.width = `${percent}%`;
  node.setAttribute("aria-valuenow", percent);
  setText(node.querySelector(".ink-phase"), job ? phaseText(state) : waitingText(waiting[0]));
  setText(node.querySelector(".ink-eta"), job ? timeText(state, percent) : "");
  document.title = job ? `${percent}% · Inkstone 砚` : "Inkstone 砚";
}

function phaseText(state) {
  const parts = [PHASES.has(state.phase) ? t(`phase.${state.phase}`) : t("phase.start")];
  if (state.extras && state.step) parts.push(tileText([state.step, state.step, state.steps]));
  else if (["load", "upscale"].includes(state.phase) && state.loaded) parts.push(`${Math.floor(100 * state.loaded)} %`);
  if (["denoise", "decode"].includes(state.phase) && state.tiles) parts.push(tileText(state.tiles));
  if (["denoise", "hires"].includes(state.phase) && state.steps) parts.push(t("progress.step", state));
  if (state.pictures_total > 1) {
    const values = { done: state.pictures_done, total: state.pictures_total };
    parts.push(t("progress.pictures", values));
  }
  return parts.join(" · ");
}

function tileText([first, last, tiles]) {
  return t("progress.tile", { tile: first === last ? first : `${first}-${last}`, tiles });
}

function timeText(state, percent) {
  const left = state.eta_seconds;
  const time = left ? t("progress.eta", { time: duration(left) }) : "";
  return [time, `${percent} %`].filter(Boolean).join(" · ");
}

function waitingText(job) {
  return job ? t("progress.waiting", { position: job.position || 1 }) : t("progress.keys");
}
