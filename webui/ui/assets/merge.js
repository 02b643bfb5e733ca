// The merger tab: a form, and what becomes of the merge that it asked for.

import { byId, el, setText, show } from "./dom.js";
import { get, post, remove } from "./api.js";
import { reasonOf } from "./notices.js";
import { sentence, t } from "./messages.js";
import { titleOf } from "./models.js";

const POLL = 500; // milliseconds between two looks at a running merge
const MODELS = ["primary", "secondary", "tertiary"];
const TAKEN = { none: 1, weighted_sum: 2, add_difference: 3 };

let form;
let listed = "";
let watched = false;

export function startMerge() {
  form = byId("ink-merge-form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
  form.elements.method.addEventListener("change", arrangeFields);
  byId("ink-merge-cancel").addEventListener("click", () => attempt(() => remove("/api/merge", {})));
  arrangeFields();
  new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting)) attempt(opened);
  }).observe(form);
}

async function opened() {
  await listModels();
  const answer = await get("/api/merge");
  if (answer.state === "running") watch(answer);
}

// New models are in the menus whenever the tab is looked at; a choice that is still there stays.
async function listModels() {
  const { checkpoints, vaes } = await get("/api/models");
  const names = [checkpoints, vaes].map((rows) => rows.map((row) => row.name));
  if (JSON.stringify(names) === listed) return;
  listed = JSON.stringify(names);
  for (const field of MODELS) fillMenu(form.elements[field], names[0], "");
  fillMenu(form.elements.vae, names[1], t("merge.own_vae"));
}

function fillMenu(menu, names, empty) {
  const chosen = menu.value;
  menu.replaceChildren(el("option", { value: "" }, empty),
    ...names.map((name) => el("option", { value: name }, titleOf(name))));
  if (names.includes(chosen)) menu.value = chosen;
}

function arrangeFields() {
  const count = TAKEN[form.elements.method.value];
  const needed = { secondary: count > 1, tertiary: count > 2, multiplier: count > 1, blocks: count > 1, base_alpha: count > 1 };
  for (const [field, visible] of Object.entries(needed)) {
    show(form.querySelector(`[data-field="${field}"]`), visible);
  }
}

function order() {
  const { elements } = form;
  const values = {};
  for (const field of [...MODELS, "name", "method", "blocks", "vae", "precision", "averages"]) {
    values[field] = elements[field].value.trim();
  }
  for (const field of ["recipe", "copy_metadata"]) values[field] = elements[field].checked;
  values.multiplier = elements.multiplier.valueAsNumber;
  const base = elements.base_alpha.valueAsNumber;
  if (!Number.isNaN(base)) values.base_alpha = base;
  if (values.method === "none") values.blocks = "";
  return values;
}

function start() {
  for (const node of form.querySelectorAll("[aria-invalid]")) node.removeAttribute("aria-invalid");
  return attempt(async () => watch(await post("/api/merge", order())));
}

async function attempt(action) {
  try {
    await action();
  } catch (error) {
    if (!error.problems) throw error;
    for (const { field } of error.problems) form.elements[field]?.setAttribute("aria-invalid", "true");
    tell("failed", reasonOf(error));
  }
}

async function watch(answer) {
  if (watched) return;
  watched = true;
  byId("ink-merge-start").disabled = true;
  show(byId("ink-merge-cancel"), true);
  try {
    let now = answer;
    while (now.state === "running") {
      progress(now);
      await new Promise((resolve) => setTimeout(resolve, POLL));
      now = await get("/api/merge");
    }
    ended(now);
  } finally {
    watched = false;
    byId("ink-merge-start").disabled = false;
    show(byId("ink-merge-cancel"), false);
  }
}

function progress({ name, done, total }) {
  const place = byId("ink-merge-result");
  const percent = total ? Math.floor((100 * done) / total) : 0;
  if (place.dataset.state !== "running") {
    place.dataset.state = "running";
    place.replaceChildren(el("p", {}), el("progress", { max: 100, "aria-label": name }));
  }
  setText(place.firstChild, t("merge.running", { name, percent }));
  place.lastChild.value = percent;
}

function ended(answer) {
  if (answer.state === "done") {
    tell("done", t("merge.done", { path: answer.path }), answer.notes);
    byId("ink-refresh").click(); // the header's menu learns of the new model
    listModels();
  } else if (answer.state === "cancelled") tell("cancelled", t("merge.cancelled"));
  else if (answer.message) tell("failed", sentence(answer.message));
}

function tell(state, text, notes = []) {
  const place = byId("ink-merge-result");
  place.dataset.state = state;
  place.replaceChildren(el("p", {}, text),
    ...notes.map((note) => el("p", { className: "ink-hint" }, sentence(note))));
}
