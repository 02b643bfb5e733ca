// What came of it: the pictures of the jobs that this tab began, compared with what they were.

import { arrange, caption, el, show } from "../dom.js";
import { get, urlOf } from "../api.js";
import { actOn } from "../gallery.js";
import { addressOf } from "../img2img/sources.js";
import { live, onChange } from "../live.js";
import { createPair } from "./pair.js";

const EXTRAS = /(^|, |\n)Postprocess upscaler: /;

export function createResults({ part }) {
  let chosen = null;
  let following = false;
  const starts = new Map(); // job -> address of the picture that it began with, null where it is gone
  const zoom = part("tools").querySelector('[data-action="zoom"]');
  const pair = createPair(part("shown"), { zoomed: (now) => zoom.setAttribute("aria-pressed", String(now)) });

  const pictures = () => live.pictures.filter((one) => EXTRAS.test(one.infotext));
  const shown = () => pictures().find((one) => one.id === chosen) || null;

  function draw() {
    const old = new Map([...part("strip").children].map((node) => [node.dataset.id, node]));
    const tiles = pictures().map((one) => old.get(one.id) || tile(one));
    for (const node of tiles) node.setAttribute("aria-current", String(node.dataset.id === chosen));
    arrange(part("strip"), tiles);
    show(part("strip"), tiles.length > 0);
    const one = shown();
    for (const name of ["shown", "tools", "text"]) show(part(name), Boolean(one));
    if (!one) return;
    pair.draw({ ...one, address: urlOf(one.url), start: starts.get(one.job_id) || null });
    part("text").textContent = one.infotext;
    if (!starts.has(one.job_id)) findStart(one.job_id);
  }

  async function findStart(job) {
    starts.set(job, null);
    const { extras } = await get(`/api/jobs/${job}`).catch(() => ({})); // then there is no comparison
    if (!extras) return;
    starts.set(job, addressOf(extras.picture));
    draw();
  }

  function tile(one) {
    const image = el("img", { src: urlOf(one.thumb), alt: caption(one), loading: "lazy" });
    return el("div", { role: "listitem", className: "ink-tile-place", dataset: { id: one.id } },
      el("button", { type: "button", className: "ink-tile", onclick: () => pick(one.id) }, image));
  }

  function pick(id) {
    chosen = id;
    draw();
  }

  part("tools").addEventListener("click", ({ target }) => {
    const action = target.closest("[data-action]")?.dataset.action;
    const one = shown();
    if (action === "zoom") pair.toggleZoom();
    else if (action && one) actOn(action, one, pictures());
  });
  onChange((kind, payload) => {
    if (kind === "picture" && following && EXTRAS.test(payload.infotext)) chosen = payload.id;
    if (kind === "picture" || kind === "snapshot") draw();
  });
  draw();
  return {
    follow() {
      following = true;
    },
  };
}
