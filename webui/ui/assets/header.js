// Worker state, language, light and dark.

import { byId, el, remember, setText, show } from "./dom.js";
import { post, urlOf } from "./api.js";
import { live, onChange } from "./live.js";
import { sentence, t } from "./messages.js";

export function startHeader() {
  startLanguage();
  byId("ink-theme").addEventListener("click", () => {
    const dark = document.documentElement.dataset.theme !== "dark";
    remember("theme", dark ? "dark" : "light");
    window.inkstone.paint();
    followTheme();
  });
  followTheme();
  new MutationObserver(followTheme).observe(document.body, { attributeFilter: ["class"] });
  onChange(drawWorker);
  drawWorker();
}

// Gradio marks the body for its own few dark rules; ours hang on the root's data-theme.
function followTheme() {
  const dark = document.documentElement.dataset.theme === "dark";
  if (document.body.classList.contains("dark") !== dark) document.body.classList.toggle("dark", dark);
}

function startLanguage() {
  const select = byId("ink-language");
  select.value = window.inkstone.language;
  select.addEventListener("change", async () => {
    remember("language", select.value);
    try {
      await post("/api/language", { lang: select.value });
    } catch {
      document.cookie = `inkstone_lang=${select.value}; path=${urlOf("/")}; max-age=31536000; samesite=lax`;
    }
    location.reload();
  });
}

function drawWorker() {
  const chip = byId("ink-worker");
  const { state, device, message } = live.worker;
  const shown = live.connected ? state : "offline";
  chip.dataset.state = shown;
  const words = t(`worker.${shown}`);
  setText(chip.querySelector(".ink-chip-text"), words);
  chip.title = [words, device, message && sentence(message)].filter(Boolean).join(" · ");
}
