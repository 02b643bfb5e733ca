// Settings read from text and pictures: what the server finds, and how it is shown.

import { el } from "./dom.js";
import { post, send, urlOf } from "./api.js";
import { plainWords } from "./plain.js";
import { sentence, t } from "./messages.js";

const THUMBNAIL = /\/pictures\/([^/]+)\/thumb\.webp$/;

// Text that carries settings, not a prompt that mentions steps.
export const looksLikeInfotext = (text) => /(^|\n)\s*Steps: \d+, \S[^\n]*: /.test(text);

export const readText = (text, current = {}) => post("/api/infotext", { text, current });
export const readPicture = (blob) => send("/api/picture-info", blob);

// The picture in what was dropped or pasted; a tile of ours stands for its full picture.
export async function pictureOf(transfer) {
  const file = [...transfer.files].find((one) => one.type.startsWith("image/"));
  if (file) return file;
  const address = transfer.getData("text/uri-list").split("\n")[0].trim();
  if (!address) return null;
  const url = new URL(address, location.href);
  if (url.origin !== location.origin) return null;
  const own = url.pathname.match(THUMBNAIL);
  const answer = await fetch(own ? urlOf(`/pictures/${own[1]}.png`) : url.pathname);
  return answer.ok ? answer.blob() : null;
}

export const labelOf = (field) => t(`param.${field}`);

export function valueText(field, value) {
  if (value === true || value === false) return t(value ? "form.on" : "form.off");
  if (value === null || value === undefined) return t("form.automatic");
  const row = window.inkstone.parameters[field];
  if (row?.menu) return plainWords(String(value), row);
  return value === "" ? t("form.nothing") : String(value);
}

// The fields of the form that the answer would change, in the order of the table.
export function changesOf(answer, current) {
  return Object.keys(window.inkstone.parameters)
    .filter((field) => field in current && field in answer.values && answer.values[field] !== current[field])
    .map((field) => ({ field, from: current[field], to: answer.values[field] }));
}

// What could not be taken over, and what nobody knows.
export function leftOver(answer) {
  const nodes = [];
  if (answer.problems.length) {
    nodes.push(el("h3", {}, t("reading.problems")),
      el("ul", { className: "ink-reading-problems" }, ...answer.problems.map((problem) => el("li", {},
        problem.field ? el("b", {}, labelOf(problem.field)) : null, sentence(problem)))));
  }
  if (answer.unknown.length) {
    nodes.push(el("h3", {}, t("reading.unknown")),
      el("ul", { className: "ink-reading-unknown" }, ...answer.unknown.map((entry) => el("li", {},
        el("b", {}, entry.key), entry.value))));
  }
  return nodes;
}

export const sourceText = (answer) =>
  t(answer.exact ? "reading.exact" : `reading.source_${answer.source}`);
