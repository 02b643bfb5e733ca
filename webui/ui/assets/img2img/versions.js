// Earlier versions of the picture that is worked on. Going back puts the present one here.

import { el, recall, remember, show } from "../dom.js";
import { t } from "../messages.js";
import { part } from "./form.js";
import { addressOf, fetchPicture, inputOf, thumbOf } from "./sources.js";

const STORE = "img2img-versions";
const MOST = 12;

// `editor`: the canvas; a version is what it shows, with strokes and mask.
export function createVersions({ editor, opened, refuse }) {
  let versions = read(); // oldest first: { picture, mask: the server's names, thumb, state }

  // Puts what the editor has now behind the others. The editor's own state makes it exact while
  // the page is open; the server's copy outlives it.
  async function push() {
    const picture = await editor.picture();
    if (!picture) return;
    const version = { state: editor.state(), thumb: await thumbOf(picture) };
    const mask = await editor.mask();
    try {
      version.picture = (await inputOf(picture)).id;
      version.mask = mask ? (await inputOf(mask)).id : "";
    } catch (error) {
      refuse(error); // it stays here for as long as the page is open
    }
    const same = (one) => one.picture && one.picture === version.picture && one.mask === version.mask;
    versions = [...versions.filter((one) => !same(one)), version].slice(-MOST);
    keep();
  }

  async function goBack(version) {
    try {
      const files = version.state ? null : await filesOf(version);
      await push();
      if (version.state) await editor.restore(version.state);
      else {
        await editor.load(files.picture);
        if (files.mask) await editor.setMask(files.mask);
      }
    } catch (error) {
      refuse(error);
      if (error.status === 404) take(version);
      return;
    }
    opened();
  }

  function take(version) {
    versions = versions.filter((one) => one !== version);
    keep();
  }

  function keep() {
    const rows = versions.filter((one) => one.picture).map(({ picture, mask, thumb }) => ({ picture, mask, thumb }));
    remember(STORE, JSON.stringify(rows));
    draw();
  }

  function draw() {
    const tiles = versions.map((version, at) => {
      const label = t("img2img.version", { at: at + 1 });
      return el("button", { type: "button", className: "ink-tile", title: label, "aria-label": label,
        onclick: () => goBack(version) }, el("img", { src: version.thumb, alt: "" }));
    });
    part("versions").replaceChildren(el("span", { className: "ink-label" }, t("img2img.versions")), ...tiles);
    show(part("versions"), tiles.length > 0);
  }

  draw();
  return { push };
}

async function filesOf({ picture, mask }) {
  const get = (id) => fetchPicture(addressOf(id));
  return { picture: await get(picture), mask: mask ? await get(mask) : null };
}

function read() {
  try {
    const rows = JSON.parse(recall(STORE) || "[]");
    return rows.filter((row) => typeof row.picture === "string" && /^data:image\//.test(row.thumb));
  } catch {
    return [];
  }
}
