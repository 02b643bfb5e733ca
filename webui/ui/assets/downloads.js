// Models from elsewhere: look at one, fetch it, watch it come. For administrators.

import { byId, el, iconButton, show } from "./dom.js";
import { get, post, remove } from "./api.js";
import { createFaulty } from "./faulty.js";
import { note, reasonOf } from "./notices.js";
import { sentence, t } from "./messages.js";

const AGAIN = 1000; // milliseconds between two looks at what is on its way
const GOING = ["waiting", "fetching"];

let dialog;
let faulty;
let offered; // what the person has looked at
let timer;
const going = new Set();

export function startDownloads() {
  const opener = byId("ink-add-model");
  show(opener, true);
  opener.addEventListener("click", () => {
    dialog ||= make();
    dialog.showModal();
    watch();
    faulty.look();
  });
}

const gigabytes = (bytes) => (bytes / 1e9).toFixed(bytes < 1e8 ? 3 : 2);
const part = (name) => dialog.querySelector(`[data-part="${name}"]`);
const field = (name) => dialog.querySelector(`[name="${name}"]`);

function button(key, onclick, properties = {}) {
  return el("button", { type: "button", className: "ink-button", onclick, ...properties }, t(key));
}

function labelled(key, input) {
  return el("label", { className: "ink-plain" }, el("span", { className: "ink-label" }, t(key)), input);
}

function make() {
  faulty = createFaulty();
  const typed = (name) => el("input", { name, type: "text", autocomplete: "off", spellcheck: false, oninput: forget });
  const node = el("dialog", { id: "ink-downloads", className: "ink-dialog", "aria-label": t("downloads.title") },
    el("header", {}, el("h2", {}, t("downloads.title")),
      iconButton("close", t("button.close"), () => node.close())),
    labelled("downloads.what", typed("what")),
    labelled("downloads.to", el("select", { name: "to", onchange: forget })),
    labelled("downloads.sha256", typed("sha256")),
    el("p", { className: "ink-hint" }, t("downloads.hint")),
    el("p", { className: "ink-error", role: "alert", hidden: true, dataset: { part: "error" } }),
    el("div", { className: "ink-offer", role: "status", hidden: true, dataset: { part: "offer" } }),
    el("h3", { dataset: { part: "current" } }, t("downloads.current")),
    el("ul", { className: "ink-downloads", dataset: { part: "downloads" } }),
    el("h3", {}, t("downloads.starters")),
    el("ul", { className: "ink-starters", dataset: { part: "starters" } }),
    ...faulty.nodes,
    el("div", { className: "ink-dialog-foot" },
      button("downloads.look", look, { dataset: { part: "look" } }),
      button("downloads.begin", begin, {
        className: "ink-button ink-main-button", disabled: true, dataset: { part: "begin" },
      })));
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input")) look();
  });
  node.addEventListener("close", stopWatching);
  document.querySelector(".gradio-container").append(node);
  return node;
}

function complain(text) {
  part("error").textContent = text;
  show(part("error"), Boolean(text));
}

// What was looked at is not what is typed any more.
function forget() {
  offered = null;
  part("begin").disabled = true;
  show(part("offer"), false);
  complain("");
}

function say(...lines) {
  part("offer").replaceChildren(...lines.map((line) => el("span", {}, line)));
  show(part("offer"), lines.length > 0);
}

// Runs a request; a refusal is shown in the dialog.
async function asking(request) {
  complain("");
  try {
    return await request();
  } catch (error) {
    if (!error.problems) throw error;
    say();
    complain(reasonOf(error));
    return null;
  }
}

async function look() {
  const wanted = { what: field("what").value.trim(), to: field("to").value, sha256: field("sha256").value.trim() };
  forget();
  say(t("downloads.looking"));
  const offer = await asking(() => post("/api/downloads/look", wanted));
  if (!offer) return;
  offered = wanted;
  part("begin").disabled = false;
  const about = { name: offer.name, kind: kindOf(offer), size: gigabytes(offer.size), folder: offer.folder };
  say(t("downloads.about", about),
    ...(offer.licence ? [t("downloads.licence", { licence: offer.licence })] : []),
    ...(offer.checksum ? [] : [t("downloads.unsummed")]));
}

const kindOf = (row) => [row.families.join("/"), row.variant === "base" ? "" : row.variant, row.kind]
  .filter(Boolean).join(" ");

async function begin() {
  const wanted = offered;
  if (!wanted) return;
  part("begin").disabled = true;
  const begun = await asking(() => post("/api/downloads", wanted));
  if (!begun) return;
  forget();
  going.add(begun.id); // a small one may be done before the first look
  watch();
}

function stopWatching() {
  clearTimeout(timer);
  timer = going.size ? setTimeout(watch, AGAIN) : null;
}

async function watch() {
  clearTimeout(timer);
  let answer;
  try {
    answer = await get("/api/downloads");
  } catch (error) {
    if (!error.problems) throw error;
    complain(reasonOf(error));
    return;
  }
  drawDownloads(answer.downloads);
  drawStarters(answer.starters);
  drawFolders(answer.folders);
  stopWatching();
}

function drawDownloads(rows) {
  part("downloads").replaceChildren(...rows.map(drawn));
  show(part("current"), rows.length > 0);
  for (const row of rows) {
    if (GOING.includes(row.state)) going.add(row.id);
    else if (going.delete(row.id) && row.state === "done") {
      note(t("downloads.arrived", { name: row.name }));
      byId("ink-refresh").click(); // the menu of checkpoints is Gradio's
    }
  }
}

function drawn(row) {
  const values = { received: gigabytes(row.received), size: gigabytes(row.size) };
  const end = async () => {
    await asking(() => remove(`/api/downloads/${row.id}`, {}));
    watch();
  };
  const ended = !GOING.includes(row.state);
  const state = t(`downloads.state_${row.state}`);
  return el("li", { dataset: { state: row.state } },
    el("span", {}, row.name),
    el("span", { className: "ink-row-buttons" },
      ended && row.state !== "done" ? button("downloads.resume", () => again(row)) : null,
      button(ended ? "downloads.forget" : "downloads.stop", end)),
    el("small", {}, state, " · ", t("downloads.progress", values)),
    row.state === "done" ? null : el("progress", { max: row.size || 1, value: row.received }),
    row.message ? el("p", { className: "ink-error" }, sentence(row.message)) : null);
}

// An address is shown without its query, which may be needed: such a one is asked for anew.
function again(row) {
  field("what").value = row.what;
  look();
}

function drawStarters(rows) {
  const list = part("starters");
  if (list.childElementCount) return;
  list.replaceChildren(...rows.map((row) => el("li", {},
    el("span", {}, row.name),
    button("downloads.look", () => {
      field("what").value = row.what;
      look();
    }),
    el("small", {}, `${row.family} ${row.kind} · ${gigabytes(row.size)} GB · ${row.licence}`))));
}

function drawFolders(folders) {
  if (field("to").options.length) return;
  field("to").replaceChildren(el("option", { value: "" }, t("downloads.by_header")),
    ...folders.map((name) => el("option", { value: name }, `models/${name}`)));
}
