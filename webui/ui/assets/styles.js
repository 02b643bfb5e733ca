// Styles: pieces of prompt that the server works into it. Chosen ones stay until taken off.

import { byId, el, iconButton, recall, remember, show } from "./dom.js";
import { get, put, post, remove } from "./api.js";
import { note, reasonOf, refused } from "./notices.js";
import { t } from "./messages.js";

// What the server has, for all forms of the page.
let styles = [];
let loaded; // promise of the first answer
const rows = new Set(); // the forms' rows of chosen styles

// The styles of one form: `store` keeps the chosen ones, `changed` hears of changes. Its elements
// have ids that begin with `prefix`. `form`: { current, apply }.
export function createStyles({ prefix, store, form, changed }) {
  let chosen = [];
  const part = (name) => byId(`${prefix}-style-${name}`);

  function start() {
    part("menu").addEventListener("change", (event) => choose([...chosen, event.target.value]));
    part("apply").addEventListener("click", applyToPrompt);
    part("edit").addEventListener("click", () => openEditor(form));
    chosen = (recall(store) || "").split("\n").filter(Boolean);
    rows.add(refresh);
    draw();
    loaded ||= load();
    return loaded.then((known) => {
      if (known) return refresh();
      chosen = []; // kept for a better time
      return draw();
    });
  }

  function refresh() {
    choose(chosen.filter((name) => styles.some((style) => style.name === name)));
  }

  function choose(names) {
    chosen = names;
    remember(store, chosen.join("\n"));
    draw();
    changed();
  }

  function draw() {
    const menu = part("menu");
    const free = styles.filter((style) => !chosen.includes(style.name));
    const title = t(styles.length ? "styles.add" : "styles.nothing");
    menu.replaceChildren(el("option", { value: "", disabled: true, selected: true }, title),
      ...free.map((style) => el("option", { value: style.name, title: style.prompt }, style.name)));
    menu.disabled = free.length === 0;
    part("chips").replaceChildren(...chosen.map(chip));
    show(part("chips"), chosen.length > 0);
    part("apply").disabled = chosen.length === 0;
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

  return {
    start,
    chosen: () => [...chosen],
    clear() {
      if (chosen.length) choose([]);
    },
  };
}

// Whether the server told its styles.
async function load() {
  try {
    styles = (await get("/api/styles")).styles;
  } catch (error) {
    refused(error);
    return false;
  }
  return true;
}

function take(answer) {
  styles = answer.styles;
  for (const refresh of rows) refresh();
}

let form; // the one whose prompts the editor can take
let editor;

function openEditor(asking) {
  form = asking;
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
