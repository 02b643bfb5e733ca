// The pictures of a batch, and how far each is. A row: { name, file or id with width and height,
// mask, state: waiting, sending, queued, done, failed or stopped; job, problem }.

import { el, iconButton, setText } from "../dom.js";
import { t } from "../messages.js";

export const ENDED = new Set(["done", "failed", "stopped"]);
const WORDS = {
  waiting: "img2img.batch_waiting", sending: "img2img.batch_sending", queued: "img2img.batch_queued",
  done: "img2img.batch_done", failed: "img2img.batch_failed", stopped: "img2img.batch_stopped",
};

export function createBatchList({ changed }) {
  const node = el("ol", { className: "ink-batch-rows" });
  let rows = [];

  function add(found) {
    rows = [...rows, ...found.map((row) => ({ state: row.problem ? "failed" : "waiting", ...row }))];
    draw();
  }

  function remove(row) {
    rows = rows.filter((one) => one !== row);
    draw();
  }

  function update(row, changes) {
    Object.assign(row, changes);
    drawRow(row);
    changed();
  }

  function draw() {
    for (const row of rows) row.node ||= build(row);
    node.replaceChildren(...rows.map((row) => row.node));
    rows.forEach(drawRow);
    changed();
  }

  function build(row) {
    return el("li", { className: "ink-job" },
      el("span", { className: "ink-job-prompt", title: row.name }, row.name),
      el("span", { className: "ink-job-count" }),
      iconButton("close", t("img2img.batch_remove", { name: row.name }), () => remove(row)));
  }

  function drawRow(row) {
    row.node.dataset.state = row.state;
    const [, state, button] = row.node.children;
    setText(state, row.problem || t(WORDS[row.state]));
    button.hidden = row.state === "sending" || row.state === "queued";
  }

  return {
    node, add, update,
    all: () => rows,
    clear() {
      rows = rows.filter((row) => row.state === "sending" || row.state === "queued");
      draw();
    },
  };
}
