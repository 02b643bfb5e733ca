// The dialog that reads settings: shows what would change before anything does.

import { byId, el, iconButton, show } from "./dom.js";
import { reasonOf, refused } from "./notices.js";
import { t } from "./messages.js";
import { changesOf, labelOf, leftOver, looksLikeInfotext, pictureOf, readPicture, readText, sourceText,
  valueText } from "./reading.js";
import { setInput } from "./sliders.js";

const WAIT = 300; // ms after the last key in the box
let forms; // { inUse(), latest() }
let form; // the one that the open dialog fills
let dialog;
let found = null;
let asked = 0;

export function startPaste(given) {
  forms = given;
}

// Lets a form's prompts and its button take settings from elsewhere.
export function watchPrompts(button, ...fields) {
  button.addEventListener("click", () => {
    const written = forms.inUse().current.prompt || "";
    const latest = written.trim() ? "" : forms.latest();
    openWith(looksLikeInfotext(written) ? written : latest);
  });
  fields.forEach(watch);
}

function watch(field) {
  field.addEventListener("dragover", (event) => {
    const carries = [...event.dataTransfer.types];
    if (!carries.includes("Files") && !carries.includes("text/uri-list")) return;
    event.preventDefault();
    field.classList.add("ink-drop");
  });
  field.addEventListener("dragleave", () => field.classList.remove("ink-drop"));
  field.addEventListener("drop", (event) => {
    field.classList.remove("ink-drop");
    receive(event, event.dataTransfer);
  }, true);
  field.addEventListener("paste", (event) => receive(event, event.clipboardData, event.target), true);
}

function receive(event, transfer, area) {
  const text = transfer.getData("text/plain");
  if (looksLikeInfotext(text)) {
    event.preventDefault();
    event.stopPropagation();
    openWith(text, area);
  } else if (transfer.files.length || transfer.types.includes("text/uri-list")) {
    event.preventDefault();
    event.stopPropagation();
    pictureOf(transfer).then((blob) => {
      if (blob) openWithPicture(blob);
    }, refused);
  }
}

export function openWith(text, area) {
  open(area && text);
  part("text").value = text;
  if (text.trim()) ask(readText(text, form.current));
}

export function openWithPicture(blob) {
  open();
  ask(readPicture(blob).then((answer) => {
    part("text").value = answer.infotext;
    return answer;
  }));
}

export function openWithAnswer(answer, target) {
  open("", target);
  part("text").value = answer.infotext;
  draw(answer);
}

const part = (name) => dialog.querySelector(`[data-part="${name}"]`);

function open(plain, target) {
  form = target || forms.inUse();
  dialog ||= make();
  draw(null);
  show(part("as_text"), Boolean(plain));
  part("as_text").onclick = () => {
    const area = form.prompt;
    dialog.close();
    setInput(area, area.value.slice(0, area.selectionStart) + plain + area.value.slice(area.selectionEnd));
  };
  if (!dialog.open) dialog.showModal();
}

function make() {
  let timer;
  const typed = (event) => {
    clearTimeout(timer);
    const text = event.target.value;
    timer = setTimeout(() => (text.trim() ? ask(readText(text, form.current)) : draw(null)), WAIT);
  };
  const chosen = (event) => {
    if (event.target.files[0]) openWithPicture(event.target.files[0]);
    event.target.value = "";
  };
  const node = el("dialog", { id: "ink-reading", className: "ink-dialog", "aria-label": t("reading.title") },
    el("header", {}, el("h2", {}, t("reading.title")),
      iconButton("close", t("button.close"), () => node.close())),
    el("div", { className: "ink-plain" },
      el("textarea", { rows: 4, dataset: { part: "text" }, placeholder: t("reading.placeholder"),
        "aria-label": t("reading.placeholder"), oninput: typed })),
    el("label", { className: "ink-button ink-file" }, t("reading.choose"),
      el("input", { type: "file", accept: "image/*", onchange: chosen })),
    el("div", { dataset: { part: "result" }, className: "ink-reading-result", "aria-live": "polite" }),
    el("div", { className: "ink-dialog-foot" },
      el("button", { type: "button", className: "ink-button", dataset: { part: "as_text" } }, t("reading.as_text")),
      el("span", { className: "ink-space" }),
      el("button", { type: "button", className: "ink-button", onclick: () => node.close() }, t("reading.cancel")),
      el("button", { type: "button", className: "ink-button ink-main-button", dataset: { part: "apply" },
        onclick: applyTicked }, t("reading.apply"))));
  node.addEventListener("dragover", (event) => event.preventDefault());
  node.addEventListener("drop", (event) => receive(event, event.dataTransfer));
  document.querySelector(".gradio-container").append(node);
  return node;
}

async function ask(question) {
  const mine = (asked += 1);
  try {
    const answer = await question;
    if (mine === asked) draw(answer);
  } catch (error) {
    if (!error.problems) throw error;
    if (mine === asked) part("result").replaceChildren(el("p", { className: "ink-error" }, reasonOf(error)));
  }
}

function draw(answer) {
  asked += 1;
  found = answer && { answer, changes: changesOf(answer, form.current) };
  part("apply").disabled = !found?.changes.length;
  const result = part("result");
  if (!found) return result.replaceChildren();
  const same = Object.keys(answer.values).filter((name) => name in form.current).length - found.changes.length;
  const counts = same || found.changes.length ? t("reading.counts", { changes: found.changes.length, same }) : "";
  return result.replaceChildren(
    el("p", { className: "ink-hint" }, [sourceText(answer), counts].filter(Boolean).join(" · ")),
    found.changes.length ? table(found.changes, answer.assumed) : "",
    ...leftOver(answer));
}

function table(changes, assumed) {
  const head = ["", "reading.field", "reading.now", "reading.new"];
  return el("table", { className: "ink-table" },
    el("thead", {}, el("tr", {}, ...head.map((key) => el("th", {}, key && t(key))))),
    el("tbody", {}, ...changes.map(({ field, from, to }) => el("tr", { dataset: { field } },
      el("td", { className: "ink-plain" }, el("input", { type: "checkbox", checked: true, id: `ink-take-${field}` })),
      el("th", { scope: "row" }, el("label", { htmlFor: `ink-take-${field}` }, labelOf(field)),
        assumed.includes(field) ? el("small", {}, t("reading.assumed")) : null),
      el("td", {}, el("span", { className: "ink-was ink-long" }, valueText(field, from))),
      el("td", {}, el("span", { className: "ink-long", title: valueText(field, to) }, valueText(field, to)))))));
}

function applyTicked() {
  const ticked = found.changes.filter(({ field }) => byId(`ink-take-${field}`).checked);
  dialog.close();
  form.applyWhole(Object.fromEntries(ticked.map(({ field, to }) => [field, to])));
}
