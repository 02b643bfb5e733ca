// Styles: pieces of prompt that the server works into it. Chosen ones stay until taken off.

import { byId, el, iconButton, recall, remember, show } from "./dom.js";
import { get, put, post, remove } from "./api.js";
import { note, reasonOf, refused } from "./notices.js";
import { t } from "./messages.js";

const STORE = "styles";
let styles = [];
let chosen = [];
let form; // { current, apply }

export const chosenStyles = () => [...chosen];

export function clearStyles() {
  if (chosen.length) choose([]);
}

export function startStyles(given) {
  form = given;
  byId("ink-style-menu").addEventListener("change", (event) => {
    choose([...chosen, event.target.value]);
  });
  byId("ink-style-apply").addEventListener("click", applyToPrompt);
  byId("ink-style-edit").addEventListener("click", openEditor);
  draw();
  return load();
}

async function load() {
  chosen = (recall(STORE) || "").split("\n").filter(Boolean);
  try {
    take(await get("/api/styles"));
  } catch (error) {
    chosen = [];
    refused(error);
  }
}

function take(answer) {
  styles = answer.styles;
  choose(chosen.filter((name) => styles.some((style) => style.name === name)));
}

function choose(names) {
  chosen = names;
  remember(STORE, chosen.join("\n"));
  draw();
  form.changed();
}

function draw() {
  const menu = byId("ink-style-menu");
  const free = styles.filter((style) => !chosen.includes(style.name));
  const title = t(styles.length ? "styles.add" : "styles.nothing");
  menu.replaceChildren(el("option", { value: "", disabled: true, selected: true }, title),
    ...free.map((style) => el("option", { value: style.name, title: style.prompt }, style.name)));
  menu.disabled = free.length === 0;
  const chips = byId("ink-style-chips");
  chips.replaceChildren(...chosen.map(chip));
  show(chips, chosen.length > 0);
  byId("ink-style-apply").disabled = chosen.length === 0;
}

function chip(name) {
  const off = () => choose(chosen.filter((other) => other !== name));
  const style = styles.find((one) => one.name === name);
  return el("span", { className: "ink-chosen", title: style?.prompt || "" }, name,
    iconButton("close", t("styles.take_off", { name }), off));
}

async function applyToPrompt() {
  const { prompt = "", negative_prompt: negative = "" } = form.current;
  try {
    const body = { prompt, negative_prompt: negative, styles: chosen };
    form.apply(await post("/api/styles/apply", body));
  } catch (error) {
    refused(error);
    return;
  }
  choose([]);
}

let editor;

function openEditor() {
  editor ||= makeEditor();
  drawEditor("");
  editor.showModal();
}

const part = (name) => editor.querySelector(`[name="${name}"]`);

function makeEditor() {
  const label = (key, input) => el("label", { className: "ink-plain" },
    el("span", { className: "ink-label" }, t(key)), input);
  const area = (name) => el("textarea", { name, rows: 3 });
  const button = (key, onclick, extra = "") =>
    el("button", { type: "button", className: `ink-button ${extra}`, onclick }, t(key));
  const node = el("dialog", { id: "ink-style-editor", className: "ink-dialog", "aria-label": t("styles.editor") },
    el("header", {}, el("h2", {}, t("styles.editor")),
      iconButton("close", t("button.close"), () => node.close())),
    label("styles.existing", el("select", { name: "existing", onchange: (event) => drawEditor(event.target.value) })),
    label("styles.name", el("input", { name: "name", type: "text", maxLength: 100, autocomplete: "off" })),
    label("param.prompt", area("prompt")),
    label("param.negative_prompt", area("negative_prompt")),
    el("p", { className: "ink-hint" }, t("styles.hint")),
    el("p", { className: "ink-error", role: "alert", hidden: true }),
    el("div", { className: "ink-dialog-foot" },
      button("styles.delete", removeStyle, "ink-style-delete"),
      button("styles.from_form", fromForm),
      el("span", { className: "ink-space" }),
      button("styles.save", saveStyle, "ink-main-button ink-style-save")));
  document.querySelector(".gradio-container").append(node);
  return node;
}

function drawEditor(name) {
  const style = styles.find((one) => one.name === name);
  part("existing").replaceChildren(el("option", { value: "" }, t("styles.new")),
    ...styles.map((one) => el("option", { value: one.name }, one.name)));
  part("existing").value = style ? name : "";
  part("name").value = style?.name || "";
  part("prompt").value = style?.prompt || "";
  part("negative_prompt").value = style?.negative_prompt || "";
  editor.querySelector(".ink-style-delete").disabled = !style;
  complain("");
}

function fromForm() {
  part("prompt").value = form.current.prompt || "";
  part("negative_prompt").value = form.current.negative_prompt || "";
}

function complain(text) {
  const place = editor.querySelector(".ink-error");
  place.textContent = text;
  show(place, Boolean(text));
}

async function change(ask) {
  try {
    take(await ask());
  } catch (error) {
    if (!error.problems) throw error;
    complain(reasonOf(error));
    return false;
  }
  return true;
}

async function saveStyle() {
  const name = part("name").value.trim();
  const row = { name, prompt: part("prompt").value, negative_prompt: part("negative_prompt").value };
  if (!(await change(() => put("/api/styles", row)))) return;
  drawEditor(name);
  note(t("styles.saved", { name }));
}

async function removeStyle() {
  const name = part("existing").value;
  if (await change(() => remove("/api/styles", { name }))) drawEditor("");
}
