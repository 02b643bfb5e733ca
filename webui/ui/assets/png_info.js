// The picture information tab: what a picture says about how it was made.

import { byId, el, show } from "./dom.js";
import { formOf, openTab } from "./forms.js";
import { refused } from "./notices.js";
import { t } from "./messages.js";
import { sendTo } from "./send.js";
import { openWithAnswer } from "./paste.js";
import { labelOf, leftOver, pictureOf, readPicture, sourceText, valueText } from "./reading.js";

const ALWAYS = new Set(["prompt", "steps", "sampler", "schedule", "cfg_scale", "width", "height", "seed"]);
let form; // { use }
const SENT = { img2img: "img2img.mode_img2img", inpaint: "img2img.mode_inpaint", sketch: "img2img.mode_sketch", extras: "extras.title" };
let picture = null; // the file that is looked at
let shown = null; // its address on the page

export function startPngInfo(given) {
  form = given;
  const zone = byId("ink-info-drop");
  zone.querySelector("input").addEventListener("change", (event) => {
    if (event.target.files[0]) read(event.target.files[0]);
    event.target.value = "";
  });
  const tab = byId("ink-info");
  tab.addEventListener("dragover", (event) => event.preventDefault());
  tab.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer);
  });
  document.addEventListener("paste", (event) => {
    if (tab.offsetParent && event.clipboardData.files.length) take(event.clipboardData);
  });
}

function take(transfer) {
  pictureOf(transfer).then((blob) => {
    if (blob) read(blob);
  }, refused);
}

export async function read(blob) {
  let answer;
  try {
    answer = await readPicture(blob);
  } catch (error) {
    refused(error);
    return;
  }
  if (shown) URL.revokeObjectURL(shown);
  picture = blob;
  shown = URL.createObjectURL(blob);
  const image = byId("ink-info-drop").querySelector("img");
  image.src = shown;
  show(image, true);
  draw(answer);
}

function draw(answer) {
  const { format, width, height } = answer.picture;
  const fields = Object.keys(window.inkstone.parameters).filter((name) => name in answer.values);
  const all = el("button", { type: "button", className: "ink-button ink-main-button", id: "ink-info-send",
    onclick: () => {
      openTab("txt2img");
      openWithAnswer(answer, formOf("txt2img"));
    } }, t("info.send"));
  const send = ["img2img", "inpaint", "sketch", "extras"].map((mode) => el("button", { type: "button", className: "ink-button",
    dataset: { action: mode }, onclick: () => sendTo(mode, source(answer)) }, t(SENT[mode])));
  byId("ink-info-result").replaceChildren(
    el("p", { className: "ink-hint" }, `${format} · ${width}×${height} · ${sourceText(answer)}`),
    el("div", { className: "ink-tools" }, fields.length ? all : "",
      el("span", { className: "ink-hint" }, t("img2img.send_to")), ...send),
    ...tables(answer, fields),
    ...leftOver(answer),
    ...answer.chunks.map(chunk));
}

function source({ values }) {
  const file = picture;
  return { blob: async () => file, settings: values };
}

// Settings that stand as in an untouched form are many; they are there, but folded.
function tables(answer, fields) {
  const own = (name) => window.inkstone.parameters[name].default;
  const plain = fields.filter((name) => answer.values[name] === own(name) && !ALWAYS.has(name));
  const rest = fields.filter((name) => !plain.includes(name));
  const folded = plain.length
    ? el("details", {}, el("summary", {}, t("info.rest", { count: plain.length })), table(answer, plain))
    : "";
  return [rest.length ? table(answer, rest) : "", folded];
}

function table(answer, fields) {
  return el("table", { className: "ink-table" }, el("tbody", {}, ...fields.map((field) => {
    const value = answer.values[field];
    const use = () => form.use(field, value);
    return el("tr", { dataset: { field } },
      el("th", { scope: "row" }, labelOf(field),
        answer.assumed.includes(field) ? el("small", {}, t("reading.assumed")) : null),
      el("td", {}, valueText(field, value)),
      el("td", {}, el("button", { type: "button", className: "ink-button ink-use", onclick: use,
        "aria-label": t("info.use_field", { field: labelOf(field) }) }, t("info.use"))));
  })));
}

function chunk({ key, text, cut }) {
  return el("details", { open: key === "parameters" },
    el("summary", {}, key), el("pre", { className: "ink-infotext" }, cut ? `${text}…` : text));
}
