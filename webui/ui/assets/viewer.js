// One picture over the whole window.

import { urlOf } from "./api.js";
import { caption, el, iconButton } from "./dom.js";
import { t } from "./messages.js";

let dialog;
let pictures = [];
let at = 0;

export function openViewer(list, index) {
  dialog ||= make();
  pictures = list;
  at = Math.max(0, index);
  draw();
  if (!dialog.open) dialog.showModal();
}

function make() {
  const image = el("img", { alt: "", onclick: () => node.classList.toggle("ink-full-size") });
  const step = (by) => () => move(by);
  const node = el("dialog", { id: "ink-viewer", "aria-label": t("label.viewer") },
    el("div", { className: "ink-viewer-picture" }, image),
    iconButton("previous", t("button.previous"), step(-1), "ink-viewer-previous"),
    iconButton("next", t("button.next"), step(1), "ink-viewer-next"),
    iconButton("close", t("button.close"), () => node.close(), "ink-viewer-close"),
    el("p", { className: "ink-viewer-text" }));
  node.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") move(-1);
    if (event.key === "ArrowRight") move(1);
  });
  node.addEventListener("close", () => node.classList.remove("ink-full-size"));
  document.body.append(node);
  return node;
}

function move(by) {
  at = (at + by + pictures.length) % pictures.length;
  draw();
}

function draw() {
  const one = pictures[at];
  const image = dialog.querySelector("img");
  image.src = urlOf(one.url);
  image.alt = caption(one);
  image.dataset.picture = one.id;
  const values = { at: at + 1, total: pictures.length, width: one.width, height: one.height, seed: one.seed };
  dialog.querySelector(".ink-viewer-text").textContent = t("viewer.text", values);
  for (const name of ["previous", "next"]) {
    dialog.querySelector(`.ink-viewer-${name}`).hidden = pictures.length < 2;
  }
}
