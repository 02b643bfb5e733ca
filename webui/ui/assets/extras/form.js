// The form of the extras tab: what is to be done with pictures.

import { el, recall, remember, setText, show } from "../dom.js";
import { get } from "../api.js";
import { t } from "../messages.js";

const STORE = "form-extras";
const NUMBERS = ["factor", "width", "height", "visibility"];
const NONE = "None";

export function createForm({ part }) {
  const form = part("form");
  const { elements } = form;
  let mode = "factor";
  let size = null; // of the picture that is chosen
  let offered = "";

  function read() {
    try {
      return JSON.parse(recall(STORE) || "{}");
    } catch {
      return {};
    }
  }

  function setMode(wanted) {
    mode = wanted === "size" ? "size" : "factor";
    for (const button of part("modes").children) {
      button.setAttribute("aria-pressed", String(button.dataset.value === mode));
    }
    for (const node of form.querySelectorAll("[data-mode]")) show(node, node.dataset.mode === mode);
  }

  function arrange() {
    show(form.querySelector('[data-field="visibility"]'), elements.upscaler_2.value !== NONE);
    drawOutcome();
  }

  // How large the picture becomes, as the server rounds it.
  function drawOutcome() {
    const { factor, width, height, crop } = values();
    const by = mode === "factor" ? factor : Math.max(width / size?.width, height / size?.height);
    const whole = size && by > 0 ? [size.width, size.height].map((side) => Math.max(1, Math.round(side * by))) : null;
    const kept = mode === "size" && crop ? [width, height] : whole;
    const text = whole ? t("extras.outcome", { from: `${size.width} × ${size.height}`, to: kept.join(" × ") }) : "";
    setText(part("outcome"), text);
    show(part("outcome"), Boolean(text));
  }

  function setSize(given) {
    size = given;
    drawOutcome();
  }

  function values() {
    const found = { mode, crop: elements.crop.checked };
    for (const name of ["upscaler_1", "upscaler_2"]) found[name] = elements[name].value;
    for (const name of NUMBERS) {
      const number = elements[name].valueAsNumber;
      if (!Number.isNaN(number)) found[name] = number;
    }
    if (found.upscaler_2 === NONE) delete found.visibility;
    return found;
  }

  function changed() {
    remember(STORE, JSON.stringify(values()));
    clearProblems();
    arrange();
  }

  function clearProblems() {
    for (const node of form.querySelectorAll("[aria-invalid]")) node.removeAttribute("aria-invalid");
    for (const node of form.querySelectorAll(".ink-error")) node.remove();
  }

  // Shows problems at their fields; gives back those that have none.
  function showProblems(problems, words) {
    clearProblems();
    return problems.filter((problem) => {
      const control = problem.field && elements[problem.field];
      if (!control?.closest) return true;
      control.setAttribute("aria-invalid", "true");
      control.closest("label").append(el("small", { className: "ink-error", role: "alert" }, words(problem)));
      return false;
    });
  }

  // New models are in the menus whenever the tab is looked at; a choice that is still there stays.
  async function refresh() {
    const { upscalers } = await get("/api/extras");
    if (JSON.stringify(upscalers) === offered) return;
    offered = JSON.stringify(upscalers);
    const kept = read();
    fill("upscaler_1", upscalers, kept.upscaler_1);
    fill("upscaler_2", [NONE, ...upscalers], kept.upscaler_2);
    arrange();
  }

  function fill(name, names, kept) {
    const menu = elements[name];
    const chosen = menu.value || kept;
    const text = (value) => (value === NONE ? t("extras.none") : value);
    menu.replaceChildren(...names.map((value) => el("option", { value }, text(value))));
    if (names.includes(chosen)) menu.value = chosen;
  }

  const kept = read();
  for (const name of NUMBERS) if (typeof kept[name] === "number") elements[name].value = kept[name];
  if (typeof kept.crop === "boolean") elements.crop.checked = kept.crop;
  setMode(kept.mode);
  part("modes").addEventListener("click", ({ target }) => {
    if (!target.dataset.value) return;
    setMode(target.dataset.value);
    changed();
  });
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  arrange();
  return { values, refresh, setSize, showProblems };
}
