// A result, or the live preview, over the canvas: compared with its start picture, accepted or not.

import { urlOf } from "../api.js";
import { byId, caption, el, iconButton, setText, show } from "../dom.js";
import { t } from "../messages.js";
import { part, PREFIX } from "./form.js";
import { borderOf } from "./size.js";
import { addressOf } from "./sources.js";

// `act(name, picture)`: accept, again, discard, open or download; `closed()`: back to the canvas.
export function createStage({ act, closed }) {
  const node = part("stage");
  const result = el("img", { alt: "", className: "ink-after" });
  const start = el("img", { alt: "", draggable: false });
  const before = el("div", { className: "ink-before", "aria-hidden": "true" }, start);
  const frame = el("div", { className: "ink-compare" }, result, before);
  const slider = el("input", { type: "range", min: 0, max: 100, value: 0, "aria-label": t("img2img.compare"),
    title: t("img2img.compare"), oninput: split });
  const title = el("span", { className: "ink-count" });
  const button = (name, extra = "") => el("button", { type: "button", className: `ink-button ${extra}`,
    dataset: { action: name }, title: t(WORDS[name][1]), onclick: () => act(name, shown) }, t(WORDS[name][0]));
  const icon = (name) => iconButton(name, t(`button.${name}`), () => act(name, shown));
  const tools = el("div", { className: "ink-tools" },
    el("label", { className: "ink-field ink-compare-slider" }, el("span", { className: "ink-label" }, t("img2img.compare_short")), slider),
    button("accept", "ink-main-button"), button("again"), button("discard"),
    el("span", { className: "ink-space" }), icon("open"), icon("download"));
  const back = el("button", { type: "button", className: "ink-button", dataset: { action: "back" }, onclick: close }, t("img2img.back"));
  node.append(el("div", { className: "ink-stage-head" }, title, el("span", { className: "ink-space" }), back),
    el("div", { className: "ink-stage-view" }, frame), tools);
  hold(frame);
  let shown = null;

  function split() {
    const share = 100 - slider.value;
    before.style.clipPath = `inset(0 ${share}% 0 0)`;
    slider.style.setProperty("--ink-filled", `${slider.value}%`);
    frame.classList.toggle("ink-split", slider.value > 0 && slider.value < 100);
    frame.style.setProperty("--ink-split", `${slider.value}%`);
  }

  // The start picture is seen for as long as the picture is held.
  function hold(area) {
    area.addEventListener("pointerdown", (event) => {
      if (!shown) return;
      event.preventDefault();
      before.style.clipPath = "none";
      area.setPointerCapture(event.pointerId);
    });
    for (const end of ["pointerup", "pointercancel"]) area.addEventListener(end, split);
  }

  function frameFor({ width, height }) {
    frame.style.setProperty("--ink-ratio", width / height);
    frame.style.aspectRatio = `${width} / ${height}`;
  }

  function showResult(picture) {
    if (shown?.id !== picture.id) slider.value = 0;
    shown = picture;
    frameFor(picture);
    result.src = urlOf(picture.url);
    result.alt = caption(picture);
    result.dataset.picture = picture.id;
    start.src = addressOf(picture.settings.init_image);
    placeStart(start, picture);
    setText(title, `${picture.width} × ${picture.height} · ${t("param.seed")} ${picture.seed}`);
    open("result");
    split();
  }

  function showPreview(source, request) {
    shown = null;
    frameFor(request);
    result.src = source;
    result.alt = t("label.live");
    delete result.dataset.picture;
    start.removeAttribute("src");
    setText(title, t("label.live"));
    open("preview");
  }

  function open(state) {
    node.dataset.state = state;
    show(tools, state === "result");
    show(before, state === "result");
    show(node, true);
    byId(PREFIX).dataset.stage = "open";
    part("editor").inert = true;
  }

  function close() {
    if (node.hidden) return;
    shown = null;
    show(node, false);
    delete byId(PREFIX).dataset.stage;
    part("editor").inert = false;
    closed();
  }

  return { showResult, showPreview, close, shown: () => shown, open: () => !node.hidden };
}

const WORDS = {
  accept: ["img2img.accept", "img2img.accept_hint"],
  again: ["img2img.again", "img2img.again_hint"],
  discard: ["img2img.discard", "img2img.discard_hint"],
};

const FITS = { "Just resize": "fill", "Just resize (latent upscale)": "fill", "Crop and resize": "cover", "Resize and fill": "contain" };

// Where the start picture lies in the result: inside of the borders, as it was brought to its size.
function placeStart(image, { width, height, settings }) {
  const left = borderOf(settings, "left");
  const up = borderOf(settings, "up");
  const inner = { width: width - left - borderOf(settings, "right"), height: height - up - borderOf(settings, "down") };
  Object.assign(image.style, {
    left: `${(100 * left) / width}%`, top: `${(100 * up) / height}%`,
    width: `${(100 * inner.width) / width}%`, height: `${(100 * inner.height) / height}%`,
    objectFit: settings.tile_upscale || settings.inpaint_area === "Only masked" ? "fill" : FITS[settings.resize_mode] || "fill",
  });
}
