// The History tab: pages of the store.

import { byId, caption, el, setText, show } from "./dom.js";
import { get, post, urlOf } from "./api.js";
import { actOn } from "./gallery.js";
import { note, refused } from "./notices.js";
import { openTab } from "./forms.js";
import { t } from "./messages.js";
import { onChange } from "./live.js";

const SIZE = 24;
const WAIT = 300; // ms after the last key of a search
let page = 1;
let pages = 1;
let items = [];
let chosen = null;
let stale = true;
let asked = 0;

export function startHistory() {
  let timer;
  byId("ink-history-search").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => load(1), WAIT);
  });
  byId("ink-history-previous").addEventListener("click", () => load(page - 1));
  byId("ink-history-next").addEventListener("click", () => load(page + 1));
  byId("ink-history-detail").addEventListener("click", (event) => {
    const button = event.target.closest("[data-action]");
    const one = items.find((item) => item.id === chosen);
    if (!button || !one) return;
    if (button.dataset.action === "rerun") rerun(one);
    else actOn(button.dataset.action, one, items);
  });
  onChange((kind) => {
    if (kind !== "picture") return;
    stale = true;
    if (visible() && page === 1) load(1);
  });
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting) && stale) load(page);
  }).observe(byId("ink-history"));
}

function visible() {
  return byId("ink-history").offsetParent !== null;
}

async function load(wanted) {
  const mine = (asked += 1);
  const search = byId("ink-history-search").value.trim();
  let answer;
  try {
    answer = await get("/api/pictures", { page: Math.max(1, wanted), size: SIZE, search });
  } catch (error) {
    refused(error);
    return;
  }
  if (mine !== asked) return; // a later question was faster
  stale = false;
  ({ items, page, pages } = answer);
  draw(answer.total, search);
}

function draw(total, search) {
  byId("ink-history-grid").replaceChildren(...items.map(tile));
  setText(byId("ink-history-page"), t("history.page", { page, pages: Math.max(1, pages), total }));
  byId("ink-history-previous").disabled = page <= 1;
  byId("ink-history-next").disabled = page >= pages;
  const empty = byId("ink-history-empty");
  setText(empty, t(search ? "history.nothing_found" : "history.empty", { search }));
  show(empty, items.length === 0);
  if (!items.some((item) => item.id === chosen)) chosen = null;
  drawDetail();
}

function tile(one) {
  const image = el("img", { src: urlOf(one.thumb), alt: caption(one), loading: "lazy" });
  image.dataset.picture = one.id;
  const button = el("button", { type: "button", className: "ink-tile" }, image);
  button.addEventListener("click", () => {
    chosen = chosen === one.id ? null : one.id;
    drawDetail();
  });
  button.addEventListener("dblclick", () => actOn("open", one, items));
  return el("div", { role: "listitem", className: "ink-tile-place", dataset: { id: one.id } }, button);
}

function drawDetail() {
  const one = items.find((item) => item.id === chosen);
  for (const node of byId("ink-history-grid").children) {
    node.setAttribute("aria-current", String(node.dataset.id === chosen));
  }
  const detail = byId("ink-history-detail");
  show(detail, Boolean(one));
  if (!one) return;
  const image = detail.querySelector("img");
  image.src = urlOf(one.url);
  image.alt = caption(one);
  image.width = one.width;
  image.height = one.height;
  detail.querySelector("pre").textContent = one.infotext;
}

async function rerun(one) {
  let job;
  try {
    job = await post(`/api/jobs/${one.job_id}/rerun`);
  } catch (error) {
    refused(error);
    return;
  }
  note(t("note.enqueued"));
  openTab(job.extras ? "extras" : "txt2img");
}
