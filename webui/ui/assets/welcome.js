// What an empty stage says: prompts to try, and which model draws them.

import { byId, el, whenPresent } from "./dom.js";
import { messagesLoaded, t } from "./messages.js";

const MOST = 6;

export async function showModel(name, own) {
  await Promise.all([messagesLoaded, whenPresent(["ink-examples", "ink-about"])]);
  const language = window.inkstone.language;
  const base = language.split("-")[0];
  const inLanguage = (table = {}) => table[language] || table[base] || table.en;
  const prompts = inLanguage(own?.examples) || shipped();
  byId("ink-examples").replaceChildren(...prompts.slice(0, MOST).map(chip));
  const about = inLanguage(own?.about) || (name ? t("welcome.about", { name }) : "");
  const lines = [about, t("welcome.more")].filter(Boolean);
  byId("ink-about").replaceChildren(...lines.map((line) => el("span", {}, line)));
}

function shipped() {
  const keys = Array.from({ length: MOST }, (_, at) => `example.${at + 1}`);
  return keys.filter((key) => t(key) !== key).map((key) => t(key));
}

function chip(text) {
  const onclick = () => window.inkstone.useExample(text);
  return el("button", { type: "button", className: "ink-chip-button", onclick }, text);
}
