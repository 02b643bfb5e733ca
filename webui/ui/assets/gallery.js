// The latest pictures, the one that is looked at, and the live preview.

import { arrange, byId, caption, copyText, el, show } from "./dom.js";
import { live, onChange, runningJob } from "./live.js";
import { hiresOf, reuseSeed, reuseSettings } from "./form.js";
import { Refusal, urlOf } from "./api.js";
import { note, refused } from "./notices.js";
import { MODES, sendTo } from "./send.js";
import { sentence, t } from "./messages.js";
import { openViewer } from "./viewer.js";

let selected = null; // id of the picture on the stage
let pinned = false; // a picture was picked while a job runs: the preview stays away

export function startGallery() {
  byId("ink-stage-open").addEventListener("click", () => act("open"));
  byId("ink-picture-tools").addEventListener("click", (event) => {
    const button = event.target.closest("[data-action]");
    if (button) act(button.dataset.action);
  });
  onChange((kind, payload) => {
    if (kind === "picture" && !pinned) selected = payload.id;
    if (kind === "job" && !runningJob()) pinned = false;
    if (kind === "step") drawStage();
    else if (kind !== "queue" && kind !== "worker") draw();
  });
  draw();
}

function picture() {
  return live.pictures.find((one) => one.id === selected) || live.pictures[0] || null;
}

function draw() {
  const chosen = picture();
  selected = chosen ? chosen.id : null;
  drawTiles();
  drawStage();
  const infotext = byId("ink-infotext");
  infotext.textContent = chosen ? chosen.infotext : "";
  show(infotext, Boolean(chosen));
  show(byId("ink-picture-tools"), Boolean(chosen));
  const unsaved = byId("ink-unsaved");
  unsaved.textContent = chosen?.unsaved ? sentence(chosen.unsaved) : "";
  show(unsaved, Boolean(chosen?.unsaved));
}

function drawTiles() {
  const gallery = byId("ink-gallery");
  const old = new Map([...gallery.querySelectorAll("[data-id]")].map((node) => [node.dataset.id, node]));
  const tiles = live.pictures.map((one) => old.get(one.id) || tile(one));
  for (const node of tiles) node.setAttribute("aria-current", String(node.dataset.id === selected));
  if (runningJob()) tiles.unshift(gallery.querySelector(".ink-live") || liveTile());
  arrange(gallery, tiles);
  show(gallery, tiles.length > 0);
}

function tile(one) {
  const image = el("img", { src: urlOf(one.thumb), alt: caption(one), loading: "lazy" });
  image.dataset.picture = one.id;
  image.dataset.job = one.job_id;
  const button = el("button", { type: "button", className: "ink-tile", onclick: () => pick(one.id) }, image);
  if (one.unsaved) button.classList.add("ink-tile-unsaved");
  return el("div", { role: "listitem", className: "ink-tile-place", dataset: { id: one.id } }, button);
}

function liveTile() {
  return el("div", { role: "listitem", className: "ink-tile-place ink-live" },
    el("button", {
      type: "button",
      className: "ink-tile",
      "aria-label": t("label.live"),
      onclick: () => {
        pinned = false;
        draw();
      },
    }));
}

function pick(id) {
  selected = id;
  pinned = Boolean(runningJob());
  draw();
}

function drawStage() {
  const stage = byId("ink-stage");
  const open = byId("ink-stage-open");
  const job = runningJob();
  const step = job && live.steps.get(job.id);
  const preview = !pinned && step ? step.preview : null;
  const chosen = picture();
  const live_tile = document.querySelector(".ink-live .ink-tile");
  if (live_tile && step?.preview) live_tile.style.backgroundImage = `url("${step.preview}")`;
  const source = preview || (chosen && urlOf(chosen.url));
  stage.dataset.state = preview ? "preview" : chosen ? "picture" : job ? "waiting" : "empty";
  if (!source) {
    open.replaceChildren();
    return;
  }
  let image = open.querySelector("img");
  if (!image) open.append((image = el("img", { alt: "" })));
  if (image.getAttribute("src") === source) return;
  const shape = preview ? { width: job.request?.width, height: job.request?.height } : chosen;
  if (shape.width && shape.height) {
    image.width = shape.width;
    image.height = shape.height;
    stage.style.setProperty("--ink-ratio", `${shape.width} / ${shape.height}`);
  }
  image.alt = preview ? t("label.live") : caption(chosen);
  image.src = source;
}

export async function actOn(action, one, all) {
  if (MODES.has(action)) await sendTo(action, { blob: () => fileOf(one), settings: one.settings }).catch(refused);
  if (action === "settings") reuseSettings(one);
  if (action === "seed") reuseSeed(one);
  if (action === "open") openViewer(all, all.indexOf(one));
  if (action === "hires") hiresOf(one);
  if (action === "download") el("a", { href: urlOf(`${one.url}?download=1`), download: "" }).click();
  if (action === "copy") {
    await copyText(one.infotext);
    note(t("note.copied"));
  }
}

async function fileOf(one) {
  const answer = await fetch(urlOf(one.url));
  if (!answer.ok) throw new Refusal(answer.status, [{ key: "error.http", values: { status: answer.status } }]);
  return answer.blob();
}

function act(action) {
  const one = picture();
  if (one) actOn(action, one, live.pictures);
}
