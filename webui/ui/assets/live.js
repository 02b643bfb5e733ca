// The server's state as it comes by events, and who wants to hear of changes.

import { get, urlOf } from "./api.js";

const listeners = new Set();

export const live = {
  connected: false,
  admin: false,
  jobs: new Map(), // id -> view, active jobs only, in queue order
  steps: new Map(), // id -> last step event
  pictures: [], // newest first
  worker: { state: "starting", device: "" },
  queue: { queued: 0, running: 0 },
};

const ACTIVE = new Set(["queued", "running"]);
const KEPT_PICTURES = 48;

export function onChange(listener) {
  listeners.add(listener);
}

function changed(kind, payload) {
  for (const listener of listeners) listener(kind, payload);
}

export function myJobs() {
  return [...live.jobs.values()].filter((job) => job.mine);
}

export function runningJob() {
  return myJobs().find((job) => job.state === "running") || null;
}

export function waitingJobs() {
  const waiting = myJobs().filter((job) => job.state === "queued");
  return waiting.sort((one, other) => (one.position || 0) - (other.position || 0));
}

function addPictures(pictures) {
  const known = new Map(live.pictures.map((picture) => [picture.id, picture]));
  for (const picture of pictures) known.set(picture.id, picture);
  const order = (one, other) =>
    one.created === other.created
      ? other.index - one.index
      : one.created < other.created ? 1 : -1;
  live.pictures = [...known.values()].sort(order).slice(0, KEPT_PICTURES);
}

const handlers = {
  snapshot(data) {
    live.jobs = new Map(data.jobs.filter((job) => ACTIVE.has(job.state)).map((job) => [job.id, job]));
    live.steps = new Map((data.steps || []).map((step) => [step.job_id, step]));
    live.worker = data.worker || live.worker;
    live.queue = data.queue || live.queue;
    addPictures(data.pictures || []);
  },
  job(job) {
    if (ACTIVE.has(job.state)) live.jobs.set(job.id, job);
    else {
      live.jobs.delete(job.id);
      live.steps.delete(job.id);
    }
  },
  step(step) {
    live.steps.set(step.job_id, { ...live.steps.get(step.job_id), ...withoutEmpty(step) });
  },
  picture(picture) {
    const known = live.pictures.some((one) => one.id === picture.id);
    const job = live.jobs.get(picture.job_id);
    if (job && !known) job.pictures_done = Math.min(job.pictures_done + 1, job.pictures_total);
    addPictures([picture]);
  },
  queue(queue) {
    live.queue = queue;
  },
  worker(worker) {
    live.worker = worker;
  },
};

function withoutEmpty(step) {
  const { preview, ...rest } = step;
  return preview ? step : rest;
}

// Pictures that were asked for, not sent: the latest ones when the page opens.
export function showPictures(pictures) {
  addPictures(pictures);
  changed("snapshot", null);
}

// Connects, and connects again for as long as the page is open. Resolves at the first snapshot.
export function connect() {
  return new Promise((resolve) => {
    let source;
    let pause = 500;
    const open = () => {
      source = new EventSource(urlOf("/api/events"));
      for (const [kind, handle] of Object.entries(handlers)) {
        source.addEventListener(kind, (event) => {
          const data = JSON.parse(event.data);
          handle(data);
          if (kind === "snapshot") {
            live.connected = true;
            pause = 500;
            resolve();
          }
          changed(kind, data);
        });
      }
      source.addEventListener("error", () => {
        if (live.connected) {
          live.connected = false;
          changed("connection", null);
        }
        if (source.readyState !== EventSource.CLOSED) return;
        setTimeout(() => get("/api/session").then(open, open), pause); // ended session: to the login
        pause = Math.min(pause * 2, 8000);
      });
      source.addEventListener("open", () => {
        if (live.connected) return;
        live.connected = true; // a resumed stream sends what was missed instead of a snapshot
        changed("connection", null);
      });
    };
    open();
  });
}
