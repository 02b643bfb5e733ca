// The results of jobs that began with a picture. None is lost by being discarded: History has all.

import { urlOf } from "../api.js";
import { arrange, caption, el, recall, remember, show } from "../dom.js";
import { live, onChange, runningJob } from "../live.js";
import { t } from "../messages.js";
import { part } from "./form.js";

const STORE = "img2img-discarded";
const MOST = 300; // names of discarded pictures that are remembered

export const begunWithPicture = (job) => Boolean(job?.request?.init_image);

// `pick(picture)`: one was chosen, null the live preview. `seen()`: the one that is looked at.
export function createStrip({ pick, seen, preview, arrived }) {
  const tiles = el("div", { className: "ink-strip", role: "list", "aria-label": t("img2img.results") });
  const hint = el("p", { className: "ink-hint" }, t("img2img.results_hint"));
  part("strip").append(tiles, hint);
  let discarded = (recall(STORE) || "").split(",").filter(Boolean);

  const pictures = () => live.pictures.filter((one) => one.settings?.init_image && !discarded.includes(one.id));

  function draw() {
    const old = new Map([...tiles.children].map((node) => [node.dataset.id, node]));
    const nodes = pictures().map((one) => old.get(one.id) || tile(one));
    for (const node of nodes) node.setAttribute("aria-current", String(node.dataset.id === seen()?.id));
    if (begunWithPicture(runningJob())) nodes.unshift(old.get("live") || liveTile());
    arrange(tiles, nodes);
    show(tiles, nodes.length > 0);
    show(hint, nodes.length === 0);
  }

  function tile(one) {
    const image = el("img", { src: urlOf(one.thumb), alt: caption(one), loading: "lazy" });
    image.dataset.picture = one.id;
    return el("div", { role: "listitem", className: "ink-tile-place", dataset: { id: one.id } },
      el("button", { type: "button", className: "ink-tile", onclick: () => pick(one) }, image));
  }

  function liveTile() {
    return el("div", { role: "listitem", className: "ink-tile-place ink-live", dataset: { id: "live" } },
      el("button", { type: "button", className: "ink-tile", "aria-label": t("label.live"), onclick: () => pick(null) }));
  }

  // A step without a preview of its own must not bring back an older one.
  function drawPreview({ job_id: id, preview: source }) {
    const job = live.jobs.get(id);
    if (!source || !begunWithPicture(job)) return;
    const node = tiles.querySelector(".ink-live .ink-tile");
    if (node) node.style.backgroundImage = `url("${source}")`;
    preview(source, job.request);
  }

  function discard(one) {
    discarded = [...discarded, one.id].slice(-MOST);
    remember(STORE, discarded.join(","));
    draw();
  }

  // The one that takes the place of a discarded one.
  function next(one) {
    const all = pictures();
    const at = all.findIndex((other) => other.id === one.id);
    return all[at + 1] || all[at - 1] || null;
  }

  onChange((kind, payload) => {
    if (kind === "queue" || kind === "worker") return;
    if (kind === "step") drawPreview(payload);
    else draw();
    if (kind === "picture" && payload.settings?.init_image) arrived(payload);
  });
  draw();
  return { draw, discard, next, pictures };
}
