// Files in the folders of models that cannot be used as they are; pickles can be converted.

import { byId, el, show } from "./dom.js";
import { get, post } from "./api.js";
import { note, reasonOf } from "./notices.js";
import { sentence, t } from "./messages.js";

const POLL = 500; // milliseconds between two looks at a running conversion

// A heading and a list; `look()` fills them.
export function createFaulty() {
  const heading = el("h3", { hidden: true }, t("faulty.title"));
  const list = el("ul", { id: "ink-faulty", className: "ink-downloads" });
  const state = el("p", { className: "ink-hint", role: "status", hidden: true, dataset: { part: "conversion" } });
  let watching = false;

  async function look() {
    const { others } = await get("/api/models");
    const rows = others.filter((row) => row.message);
    list.replaceChildren(...rows.map(drawn));
    show(heading, rows.length > 0);
    const running = await get("/api/models/convert");
    if (running.state === "running") watch(running);
  }

  function drawn(row) {
    const button = row.convertible
      ? el("button", { type: "button", className: "ink-button", onclick: () => begin(row) }, t("faulty.convert"))
      : null;
    return el("li", { dataset: { file: row.path } },
      el("span", {}, row.name), button, el("small", {}, sentence(row.message)));
  }

  async function begin(row) {
    for (const other of list.querySelectorAll("button")) other.disabled = true;
    try {
      await watch(await post("/api/models/convert", { path: row.path }));
    } catch (error) {
      if (!error.problems) throw error;
      tell(reasonOf(error));
    } finally {
      for (const other of list.querySelectorAll("button")) other.disabled = false;
    }
  }

  async function watch(answer) {
    if (watching) return;
    watching = true;
    try {
      let now = answer;
      while (now.state === "running") {
        tell(t("faulty.running", { name: now.name, percent: now.total ? Math.floor((100 * now.done) / now.total) : 0 }));
        await new Promise((resolve) => setTimeout(resolve, POLL));
        now = await get("/api/models/convert");
      }
      await ended(now);
    } finally {
      watching = false;
    }
  }

  async function ended(answer) {
    if (answer.state !== "done") {
      tell(answer.message ? sentence(answer.message) : "");
      return;
    }
    tell(t("faulty.done", { path: answer.path }));
    note(t("downloads.arrived", { name: answer.name }));
    byId("ink-refresh").click(); // the menu of checkpoints is Gradio's
    await look();
  }

  function tell(text) {
    state.textContent = text;
    show(state, Boolean(text));
  }

  return { nodes: [heading, state, list], look };
}
