// A picture before and after, one over the other with a line between, which is moved by pointer,
// touch or keys. "Actual size" shows pixel for pixel; then the picture is moved under the line.

import { el, setText, show } from "../dom.js";
import { t } from "../messages.js";

const MIDDLE = 50; // per cent
const HIDDEN = 14; // per cent from an edge: the line has reached the word that stands there

export function createPair(node, { zoomed }) {
  const slider = el("input", { type: "range", min: 0, max: 100, value: MIDDLE, className: "ink-pair-slider",
    "aria-label": t("extras.compare"), oninput: place });
  const after = el("img", { alt: "", className: "ink-pair-after", draggable: false });
  const before = el("img", { alt: "", className: "ink-pair-before", draggable: false });
  const paper = el("div", { className: "ink-pair-paper" }, after, before);
  const view = el("div", { className: "ink-pair-view" }, paper);
  const line = el("div", { className: "ink-pair-line", "aria-hidden": "true" });
  const word = (name, text) => el("span", { className: `ink-pair-name ink-pair-name-${name}`, "aria-hidden": "true" }, text);
  const words = [word("before", t("extras.before")), word("after", t("extras.after"))];
  node.setAttribute("role", "group");
  node.setAttribute("aria-label", t("extras.compare"));
  node.append(el("div", { className: "ink-pair-frame" }, slider, view, line, ...words));

  const alone = () => before.hidden;
  const large = () => node.dataset.zoom === "1";

  // Where the line is, on the screen and in the picture, which may be moved under it.
  function place() {
    const share = alone() ? 0 : Number(slider.value);
    const x = (share / 100) * view.clientWidth;
    const cut = x + view.getBoundingClientRect().left + view.clientLeft - paper.getBoundingClientRect().left;
    paper.style.setProperty("--ink-cut", `${Math.max(0, cut)}px`);
    line.style.left = `${x}px`;
    slider.setAttribute("aria-valuetext", t("extras.compare_at", { share }));
    show(words[0], !alone() && share > HIDDEN);
    show(words[1], !alone() && share < 100 - HIDDEN);
  }

  function moveTo(clientX) {
    const { left } = view.getBoundingClientRect();
    slider.value = (100 * (clientX - left - view.clientLeft)) / view.clientWidth;
    place();
  }

  // The line follows the pointer; in actual size only where it was taken hold of, and elsewhere a
  // mouse moves the picture. Fingers move it by themselves.
  function hold(event) {
    if (event.button !== 0) return;
    const target = event.currentTarget;
    const pan = target === view && large();
    if (alone() && !pan) return;
    if (pan && event.pointerType !== "mouse") return;
    if (!pan) moveTo(event.clientX);
    const move = (now) => {
      if (pan) view.scrollBy(-now.movementX, -now.movementY);
      else moveTo(now.clientX);
    };
    target.setPointerCapture(event.pointerId);
    target.addEventListener("pointermove", move);
    for (const end of ["pointerup", "pointercancel"]) {
      target.addEventListener(end, () => target.removeEventListener("pointermove", move), { once: true });
    }
  }

  // `at`: the point of the screen that stays where it is.
  function setZoom(wanted, at) {
    if (wanted === large()) return;
    const old = paper.getBoundingClientRect();
    const middle = view.getBoundingClientRect();
    const { clientX, clientY } = at || { clientX: middle.left + middle.width / 2, clientY: middle.top + middle.height / 2 };
    const [right, down] = [(clientX - old.left) / old.width, (clientY - old.top) / old.height];
    node.dataset.zoom = wanted ? "1" : "";
    const now = paper.getBoundingClientRect();
    view.scrollTo(now.width * right - (clientX - middle.left), now.height * down - (clientY - middle.top));
    place();
    zoomed(wanted);
  }

  view.addEventListener("pointerdown", hold);
  line.addEventListener("pointerdown", hold);
  view.addEventListener("dblclick", (event) => setZoom(!large(), event));
  view.addEventListener("scroll", place);
  before.addEventListener("error", () => showAlone(true));
  new ResizeObserver(place).observe(view);

  function showAlone(wanted) {
    show(before, !wanted);
    show(line, !wanted);
    show(slider, !wanted);
    place();
  }

  // `start`: the address of what it was before, null where nobody knows.
  function draw({ id, address, start, width, height }) {
    if (after.dataset.picture !== id) slider.value = MIDDLE;
    node.style.setProperty("--ink-ratio", width / height);
    node.style.setProperty("--ink-width", `${width}px`);
    if (after.getAttribute("src") !== address) after.src = address;
    after.alt = `${width}×${height}`;
    after.dataset.picture = id;
    before.alt = t("extras.before");
    if (start && before.getAttribute("src") !== start) before.src = start;
    showAlone(!start);
  }

  return { draw, toggleZoom: () => setZoom(!large()) };
}
