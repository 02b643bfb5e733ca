// The img2img tab: a picture on a canvas, ways of working on it, and what comes of it.

import { byId, recall, remember, show } from "../dom.js";
import { post } from "../api.js";
import { createEditor } from "../editor/editor.js";
import { live, onChange } from "../live.js";
import { t, translate } from "../messages.js";
import { clearBanner, note, refused } from "../notices.js";
import { watchPrompts } from "../paste.js";
import { showProgress } from "../progress.js";
import { startQueue } from "../queue.js";
import { createBatch } from "./batch.js";
import { createForm, part, PREFIX } from "./form.js";
import { createResults } from "./results.js";
import { createSize, fitted, SIDES, borderOf } from "./size.js";
import { addressOf, fetchPicture, forget, inputOf, readable } from "./sources.js";

const STORE = "img2img-mode";

// What each way of working asks of the editor, and whether only a part is painted.
const MODES = {
  img2img: { editor: "view" },
  sketch: { editor: "sketch" },
  inpaint: { editor: "mask", masked: true },
  inpaint_sketch: { editor: "sketch_mask", masked: true },
  upload: { editor: "mask", masked: true },
  batch: { editor: "view" },
};

// What was done to a picture for good, and is not to be done to the result again.
const NOT_AGAIN = { ...Object.fromEntries(SIDES.map((side) => [`outpaint_${side}`, 0])), tile_upscale: false };

export async function startTab() {
  translate(byId(PREFIX));
  const tab = new Tab();
  tab.setMode(recall(STORE));
  await tab.editor.ready;
  tab.changed();
  return tab;
}

class Tab {
  constructor() {
    this.mode = "img2img";
    this.form = createForm({
      begun: () => ({
        picture: Boolean(this.editor?.size()) || this.mode === "batch",
        mask: this.masked || this.mode === "batch",
        size: this.mode === "batch" ? null : this.editor?.size(),
      }),
      onchange: (name, before) => this.entered(name, before),
    });
    this.editor = createEditor(part("editor"), { t, convert: readable });
    this.size = createSize({
      form: this.form,
      picture: () => this.editor.size(),
      partly: () => this.partly,
      preview: (borders) => this.editor.setBorders(borders),
    });
    this.form.start();
    this.results = createResults({ editor: this.editor, accepted: (keep) => this.accepted(keep) });
    this.batch = createBatch({
      valuesFor: (size) => this.valuesFor(size),
      fault: (problems) => this.fault(problems),
      mended: () => this.form.clearProblems(),
    });
    this.editor.onchange = () => this.changed();
    this.connect();
  }

  connect() {
    startQueue(PREFIX);
    showProgress(part("progress"));
    watchPrompts(part("read"), part("prompt"), part("negative_prompt"));
    part("generate").addEventListener("click", () => this.generate().catch(refused));
    part("modes").addEventListener("click", ({ target }) => target.dataset.value && this.setMode(target.dataset.value));
    part("mask-file").addEventListener("change", async ({ target }) => {
      const [file] = target.files;
      target.value = "";
      if (file && this.editor.size()) await this.editor.setMask(file);
      else if (file) this.fault([noPicture()]);
    });
    part("random-seed").addEventListener("click", () => this.form.apply({ seed: -1 }));
    part("reuse-seed").addEventListener("click", () => {
      const [last] = [...this.results.pictures(), ...live.pictures];
      if (last) this.form.apply({ seed: last.seed });
    });
    onChange((kind) => kind === "snapshot" && this.form.drawIdle());
  }

  get masked() {
    return Boolean(MODES[this.mode].masked);
  }

  // Whether width and height are those of a part: of what is masked, or of a tile.
  get partly() {
    const { inpaint_area: area, tile_upscale: tiles } = this.form.current;
    return tiles || (this.masked && area === "Only masked");
  }

  setMode(wanted) {
    this.mode = wanted in MODES ? wanted : "img2img";
    remember(STORE, this.mode);
    for (const button of part("modes").children) {
      button.setAttribute("aria-pressed", String(button.dataset.value === this.mode));
    }
    byId(PREFIX).dataset.mode = this.mode;
    show(part("upload"), this.mode === "upload");
    this.editor.setMode(MODES[this.mode].editor);
    this.results.close();
    this.form.clearProblems();
    this.form.drawIdle();
    this.size.refresh();
  }

  // A result is on the canvas now; `keep`: what was done to the last one is done to it again.
  accepted(keep) {
    if (this.mode === "batch") this.setMode("img2img");
    if (!keep) this.form.apply(NOT_AGAIN);
  }

  // The picture, its strokes or its mask are others now.
  changed() {
    this.results.stay();
    this.form.clearProblems();
    this.form.drawIdle();
    this.size.refresh();
  }

  entered(name, before) {
    if (name) return this.size.entered(name, before);
    if ("width" in before || "height" in before) this.size.letGo(); // a size was put in
    return this.size.refresh();
  }

  valuesFor(size) {
    const values = this.form.values();
    const follows = this.size.follows() && !this.partly;
    return follows ? { ...values, ...fitted(size, this.size.scale(), values) } : values;
  }

  fault(problems) {
    const homeless = this.form.showProblems(problems);
    if (homeless.length) refused({ problems: homeless });
  }

  async generate() {
    if (this.mode === "batch") return this.batch.start();
    const [picture, mask] = await Promise.all([this.editor.picture(), this.masked ? this.editor.mask() : null]);
    const grows = SIDES.some((side) => borderOf(this.form.current, side));
    if (!picture) return this.fault([noPicture()]);
    if (this.masked && !mask && !grows) return this.fault([{ key: "img2img.no_mask", values: {}, field: "mask" }]);
    part("generate").setAttribute("aria-busy", "true");
    try {
      await this.submit(picture, mask, true);
    } catch (error) {
      if (!error.problems) throw error;
      this.fault(error.problems);
      return undefined;
    } finally {
      part("generate").removeAttribute("aria-busy");
    }
    this.form.clearProblems();
    clearBanner();
    this.results.follow();
    return undefined;
  }

  async submit(picture, mask, again) {
    const values = this.form.values();
    values.init_image = (await inputOf(picture)).id;
    if (mask) values.mask = (await inputOf(mask)).id;
    try {
      await post("/api/jobs", values);
    } catch (error) {
      const gone = again && error.problems?.some(({ field }) => field === "init_image" || field === "mask");
      if (!gone) throw error;
      forget(picture); // the server has put unused pictures away meanwhile
      if (mask) forget(mask);
      await this.submit(picture, mask, false);
    }
  }

  // A picture from elsewhere; the present one becomes an earlier version.
  async take(mode, { blob, settings }) {
    const file = await blob().catch((error) => refused(error));
    if (!file) return;
    await this.editor.ready;
    await this.results.versions.push();
    await this.editor.load(file);
    this.setMode(mode);
    if (!settings) return;
    const untouched = this.form.untouched();
    const { denoising_strength } = this.form.own;
    if (untouched) this.form.put({ ...settings, ...NOT_AGAIN, denoising_strength });
    this.size.refresh();
    note(t(untouched ? "img2img.sent" : "img2img.sent_kept"));
  }

  // What a picture of this tab was made of: start picture, mask and settings.
  async reuse({ settings }) {
    try {
      const start = await fetchPicture(addressOf(settings.init_image));
      const mask = settings.mask ? await fetchPicture(addressOf(settings.mask)) : null;
      await this.editor.ready;
      await this.results.versions.push();
      await this.editor.load(start);
      if (mask) {
        this.setMode("inpaint");
        await this.editor.setMask(mask);
      } else if (this.masked || this.mode === "batch") this.setMode("img2img");
    } catch (error) {
      refused(error);
      return;
    }
    const { batch_size: size, batch_count: count, ...rest } = settings;
    if (!rest.variation_strength) delete rest.variation_seed;
    this.size.letGo();
    this.form.applyWhole({ ...this.form.own, ...rest });
    note(t("note.settings_reused"));
  }
}

const noPicture = () => ({ key: "img2img.no_picture", values: {}, field: "init_image" });
