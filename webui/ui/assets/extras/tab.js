// The extras tab: pictures of this computer, of the gallery or of a folder on the server, made larger.

import { byId, el, recall, remember, setText, show } from "../dom.js";
import { post } from "../api.js";
import { createBatchList, ENDED } from "../img2img/batch_list.js";
import { readable } from "../img2img/sources.js";
import { live } from "../live.js";
import { sentence, t, translate } from "../messages.js";
import { note, refused } from "../notices.js";
import { showProgress } from "../progress.js";
import { startQueue } from "../queue.js";
import { pictureOf } from "../reading.js";
import { createForm } from "./form.js";
import { createResults } from "./results.js";
import { createSending } from "./sending.js";

const PREFIX = "ink-extras";
const STORE = "extras-source";

const part = (name) => byId(`${PREFIX}-${name}`);

export async function startTab() {
  translate(byId(PREFIX));
  return new Tab();
}

class Tab {
  constructor() {
    this.form = createForm({ part });
    this.results = createResults({ part });
    this.list = createBatchList({ changed: () => this.drawRows() });
    this.sending = createSending({
      list: this.list,
      values: () => this.form.values(),
      fault: (problems) => this.fault(problems),
      changed: () => this.drawRows(),
    });
    this.single = null; // { file, name, address }
    part("rows").append(this.list.node);
    this.connect();
    this.setSource(recall(STORE));
  }

  connect() {
    startQueue(PREFIX);
    showProgress(part("progress"));
    show(part("sources").querySelector('[data-value="folder"]'), live.admin);
    part("sources").addEventListener("click", ({ target }) => target.dataset.value && this.setSource(target.dataset.value));
    part("generate").addEventListener("click", () => this.start().catch(refused));
    part("stop").addEventListener("click", () => this.sending.stop());
    part("clear").addEventListener("click", () => this.list.clear());
    part("files").addEventListener("change", ({ target }) => {
      this.take([...target.files]);
      target.value = "";
    });
    part("list").addEventListener("click", () => this.openFolder().catch(refused));
    part("path").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.ctrlKey && !event.isComposing) this.openFolder().catch(refused);
    });
    const image = this.image();
    image.addEventListener("load", () => this.drawSize());
    image.addEventListener("error", () => this.readable().catch(refused));
    const tab = byId(PREFIX);
    tab.addEventListener("dragover", (event) => event.preventDefault());
    tab.addEventListener("drop", (event) => {
      event.preventDefault();
      this.takeFrom(event.dataTransfer);
    });
    document.addEventListener("paste", (event) => {
      if (tab.offsetParent && event.clipboardData.files.length) this.takeFrom(event.clipboardData);
    });
    new IntersectionObserver((seen) => {
      if (seen.some((one) => one.isIntersecting)) this.form.refresh().catch(refused);
    }).observe(tab);
  }

  image() {
    return part("drop").querySelector("img");
  }

  setSource(wanted) {
    this.source = wanted === "batch" || (wanted === "folder" && live.admin) ? wanted : "single";
    remember(STORE, this.source);
    for (const button of part("sources").children) {
      button.setAttribute("aria-pressed", String(button.dataset.value === this.source));
    }
    show(part("folder"), this.source === "folder");
    show(part("drop"), this.source !== "folder");
    show(part("rows"), this.source !== "single");
    this.drawDrop();
    this.drawRows();
    this.fault([]);
  }

  drawDrop() {
    const one = this.source === "single" ? this.single : null;
    const image = this.image();
    show(image, Boolean(one));
    if (one && image.getAttribute("src") !== one.address) image.src = one.address;
    image.alt = one?.name || "";
    this.drawSize();
  }

  drawSize() {
    const one = this.source === "single" ? this.single : null;
    const { naturalWidth: width, naturalHeight: height } = this.image();
    const known = one && width > 0;
    const parts = [one?.name, known && `${width} × ${height}`].filter(Boolean);
    setText(part("drop").querySelector("span"), one ? parts.join(" · ") : t(this.source === "single" ? "extras.drop" : "extras.drop_many"));
    this.form.setSize(known ? { width, height } : null);
  }

  // A file that browsers cannot show (TIFF) is shown as the server reads it.
  async readable() {
    const one = this.single;
    if (!one || one.read) return;
    one.read = true;
    try {
      one.address = URL.createObjectURL(await readable(one.file));
    } catch (error) {
      if (!error.problems) throw error;
      this.fault(error.problems.map((problem) => ({ ...problem, field: "picture" })));
      return;
    }
    if (one === this.single) this.drawDrop();
  }

  drawRows() {
    const rows = this.list.all();
    const ended = rows.filter((row) => ENDED.has(row.state)).length;
    const busy = this.sending.busy();
    setText(part("count"), rows.length ? t("img2img.batch_progress", { done: ended, total: rows.length }) : "");
    show(part("stop"), busy || rows.some((row) => row.state === "queued"));
    show(part("clear"), rows.length > 0);
    show(part("batch"), this.source !== "single" && rows.length > 0);
    part("generate").setAttribute("aria-busy", String(busy));
  }

  takeFrom(transfer) {
    if (transfer.files.length > 1) this.take([...transfer.files]);
    else pictureOf(transfer).then((blob) => blob && this.take([blob]), refused);
  }

  // Several files are a batch, whatever was chosen.
  take(files) {
    if (!files.length) return;
    if (files.length > 1 && this.source === "single") this.setSource("batch");
    this.fault([]);
    if (this.source !== "single") {
      this.list.add(files.map((file) => ({ name: file.name || t("extras.pasted"), file })));
      return;
    }
    if (this.single) URL.revokeObjectURL(this.single.address);
    const [file] = files;
    this.single = { file, name: file.name || "", address: URL.createObjectURL(file) };
    this.drawDrop();
  }

  // A picture from elsewhere on the page.
  async takeSent({ blob }) {
    const file = await blob();
    this.setSource("single");
    this.take([file]);
    note(t("extras.sent"));
  }

  async openFolder() {
    try {
      const rows = await post("/api/inputs/folder", { path: part("path").value, infotext: true });
      this.list.add(rows.map((row) => ({ ...row, problem: row.problem && sentence(row.problem) })));
      if (!rows.length) this.fault([{ key: "img2img.batch_nothing", values: {}, field: "picture" }]);
      else this.fault([]);
    } catch (error) {
      if (!error.problems) throw error;
      this.fault(error.problems.map((problem) => ({ ...problem, field: "picture" })));
    }
  }

  async start() {
    const alone = this.source === "single";
    const there = alone ? this.single : this.list.all().some((row) => row.state === "waiting");
    if (!there) {
      this.fault([{ key: alone ? "extras.no_picture" : "img2img.batch_nothing", values: {}, field: "picture" }]);
      return;
    }
    this.results.follow();
    await this.sending.start(alone ? { ...this.single } : null);
  }

  fault(problems) {
    const homeless = this.form.showProblems(problems, sentence);
    const here = homeless.filter(({ field }) => field === "picture");
    const place = part("picture");
    place.replaceChildren(...here.map((problem) => el("p", { className: "ink-error", role: "alert" }, sentence(problem))));
    const rest = homeless.filter((problem) => !here.includes(problem));
    if (rest.length) refused({ problems: rest });
  }
}
