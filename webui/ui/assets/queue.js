// What waits and what runs: mine or everyone's.

import { arrange, byId, el, iconButton, setText, show } from "./dom.js";
import { post } from "./api.js";
import { live, myJobs, onChange, runningJob, waitingJobs } from "./live.js";
import { refused } from "./notices.js";
import { t } from "./messages.js";

// The queue and the three buttons of one tab, with ids that begin with `prefix`.
export function startQueue(prefix) {
  const part = (name) => byId(`${prefix}-${name}`);
  let scope = "mine";
  part("queue-scope").addEventListener("click", (event) => {
    const value = event.target.dataset.value;
    if (!value) return;
    scope = value;
    for (const button of part("queue-scope").children) {
      button.setAttribute("aria-pressed", String(button.dataset.value === scope));
    }
    draw();
  });
  part("interrupt").addEventListener("click", interrupt);
  part("skip").addEventListener("click", skip);

  function draw() {
    const mine = myJobs();
    drawRows(part("queue-rows"), (scope === "mine" ? mine : [...live.jobs.values()]).sort(inOrder));
    const all = Math.max(live.jobs.size, live.queue.queued + live.queue.running);
    const count = scope === "mine" ? mine.length : all;
    setText(part("queue-count"), count ? String(count) : t("queue.empty"));
    const waiting = waitingJobs().length;
    const generate = part("generate");
    if (waiting) generate.dataset.count = waiting;
    else delete generate.dataset.count;
    generate.setAttribute("aria-description", waiting ? t("queue.waiting", { count: waiting }) : "");
    part("interrupt").disabled = mine.length === 0;
    part("skip").disabled = !runningJob();
  }

  onChange(draw);
  draw();
}

export function interrupt() {
  const job = runningJob() || waitingJobs()[0];
  if (job) post(`/api/jobs/${job.id}/cancel`).catch(refused);
}

export function skip() {
  const job = runningJob();
  if (job) post(`/api/jobs/${job.id}/skip`).catch(refused);
}

function drawRows(rows, jobs) {
  const old = new Map([...rows.children].map((node) => [node.dataset.job, node]));
  arrange(rows, jobs.map((job) => update(old.get(job.id) || row(job), job)));
  show(rows, jobs.length > 0);
}

function inOrder(one, other) {
  const place = (job) => (job.state === "running" ? 0 : job.position || 1e9);
  return place(one) - place(other);
}

function row(job) {
  const cancel = () => post(`/api/jobs/${job.id}/cancel`).catch(refused);
  return el("li", { className: "ink-job", dataset: { job: job.id } },
    el("span", { className: "ink-place" }),
    el("span", { className: "ink-job-prompt" }),
    el("span", { className: "ink-job-count" }),
    job.mine || live.admin ? iconButton("close", t("button.cancel"), cancel) : null);
}

function enlarging({ first, mode, factor, width, height }) {
  return { upscaler: first, size: mode === "size" ? `${width} × ${height}` : `× ${factor}` };
}

function update(node, job) {
  const running = job.state === "running";
  const progress = running ? { ...job, ...live.steps.get(job.id) }.progress || 0 : 0;
  const own = job.extras ? t("queue.extras", enlarging(job.extras)) : job.prompt || t("queue.no_prompt");
  const prompt = job.mine ? own : t("queue.someone");
  node.dataset.state = job.state;
  node.style.setProperty("--ink-progress", `${Math.round(progress * 100)}%`);
  setText(node.children[0], running ? "▸" : String(job.position || "·"));
  setText(node.children[1], prompt);
  node.children[1].title = prompt;
  setText(node.children[2], `${job.pictures_done}/${job.pictures_total}`);
  return node;
}
