// Width and height: from the picture by a scale, or as entered; and the borders of outpainting.

import { el, recall, remember } from "../dom.js";
import { ownDefaults } from "../models.js";
import { addSlider } from "../sliders.js";
import { t } from "../messages.js";
import { part, PREFIX } from "./form.js";

const STORE = "img2img-size";
const SCALE = { minimum: 0.05, maximum: 4, step: 0.05 };
const STEP = 8;
export const SIDES = ["left", "right", "up", "down"];

const whole = (value) => (Number.isFinite(value) ? Math.max(0, value) : 0);
export const borderOf = (values, side) => whole(values[`outpaint_${side}`]);
const added = (values) => ({
  width: borderOf(values, "left") + borderOf(values, "right"),
  height: borderOf(values, "up") + borderOf(values, "down"),
});

// The allowed size nearest to `size` times `scale`, in its proportions as far as the limits let
// it, together with the borders.
export function fitted(size, scale, values = {}) {
  const { minimum, maximum } = window.inkstone.parameters.width;
  const border = added(values);
  const room = { width: maximum - border.width, height: maximum - border.height };
  const share = Math.min(scale, room.width / size.width, room.height / size.height);
  const side = (name) => {
    const wanted = Math.round((size[name] * share) / STEP) * STEP;
    return Math.min(maximum, Math.max(minimum, wanted) + border[name]);
  };
  return { width: side("width"), height: side("height") };
}

// `picture()`: size of the start picture or null; `partly()`: whether only a part of it is drawn at
// a time, at the size of the form; `preview(borders)` shows them, in pixels of the picture.
export function createSize({ form, picture, partly, preview }) {
  const kept = read();
  const box = el("input", { type: "checkbox", id: `${PREFIX}-follow`, checked: kept.follow });
  const input = el("input", { type: "number", id: `${PREFIX}-scale`, value: kept.scale, autocomplete: "off" });
  const scale = el("div", { className: "ink-field ink-plain" },
    el("label", {}, el("span", { className: "ink-label" }, t("img2img.scale")), input));
  addSlider(scale, input, SCALE);
  const node = el("div", { className: "ink-plain-row" },
    el("div", { className: "ink-field ink-plain ink-flag" },
      el("label", {}, box, el("span", { className: "ink-label" }, t("img2img.follow")))), scale);
  part("size").append(node);

  const factor = () => {
    const value = Number(input.value);
    return value >= SCALE.minimum && value <= SCALE.maximum ? value : 1;
  };

  function keep() {
    remember(STORE, JSON.stringify({ follow: box.checked, scale: factor() }));
  }

  box.addEventListener("change", () => {
    keep();
    refresh();
  });
  input.addEventListener("input", () => {
    box.checked = true;
    keep();
    refresh();
  });
  part("swap").addEventListener("click", () => {
    const { width, height } = form.current;
    letGo();
    form.apply({ width: height, height: width });
  });

  function letGo() {
    box.checked = false;
    keep();
  }

  // The size that suits picture, scale and borders, if the form follows them.
  function refresh() {
    const size = picture();
    scale.classList.toggle("ink-idle", Boolean(partly()));
    if (box.checked && size) {
      const native = partly() && ownDefaults(form.current.checkpoint);
      const wanted = native?.width ? { width: native.width, height: native.height } : fitted(size, factor(), form.current);
      const differs = wanted.width !== form.current.width || wanted.height !== form.current.height;
      if (differs) form.put(wanted);
    }
    drawBorders(size);
  }

  function drawBorders(size) {
    const values = form.current;
    const border = added(values);
    const inner = { width: values.width - border.width, height: values.height - border.height };
    const fits = size && inner.width > 0 && inner.height > 0;
    const across = fits ? size.width / inner.width : 0;
    const down = fits ? size.height / inner.height : 0;
    preview({
      left: borderOf(values, "left") * across, right: borderOf(values, "right") * across,
      up: borderOf(values, "up") * down, down: borderOf(values, "down") * down,
    });
  }

  // A person has changed a field: sizes are theirs from then on, and borders come on top of them.
  function entered(name, before) {
    if (name === "width" || name === "height") letGo();
    const side = SIDES.find((one) => name === `outpaint_${one}`);
    if (side && !box.checked) {
      const along = side === "left" || side === "right" ? "width" : "height";
      const grown = form.current[along] + borderOf(form.current, side) - whole(before);
      form.put({ [along]: grown });
    }
    refresh();
  }

  return { entered, refresh, letGo, scale: factor, follows: () => box.checked };
}

function read() {
  try {
    const { follow, scale } = JSON.parse(recall(STORE));
    return { follow: follow !== false, scale: scale > 0 ? scale : 1 };
  } catch {
    return { follow: true, scale: 1 };
  }
}
