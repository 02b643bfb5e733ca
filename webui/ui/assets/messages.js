// Words by key, in the viewer's language.

import { get } from "./api.js";

let catalogue = {};
let loaded;
export const messagesLoaded = new Promise((resolve) => {
  loaded = resolve;
});

export async function loadMessages() {
  catalogue = await get(`/api/messages/${encodeURIComponent(window.inkstone.language)}`);
  loaded();
}

export function t(key, values = {}) {
  const text = catalogue[key] || key;
  return text.replace(/\{(\w+)[^}]*\}/g, (blank, name) => (name in values ? values[name] : blank));
}

// The server translates its own messages; what comes by events has only key and values.
export function sentence(message) {
  return message.text || t(message.key, message.values || {});
}

export function translate(root) {
  for (const node of root.querySelectorAll("[data-i18n]")) node.textContent = t(node.dataset.i18n);
  for (const node of root.querySelectorAll("[data-i18n-label]")) {
    const text = t(node.dataset.i18nLabel);
    node.setAttribute("aria-label", text);
    node.title = text;
  }
  for (const node of root.querySelectorAll("[data-i18n-placeholder]")) {
    node.placeholder = t(node.dataset.i18nPlaceholder);
    node.setAttribute("aria-label", node.placeholder);
  }
}

export function duration(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return t("time.seconds", { seconds: whole });
  if (whole < 3600) return t("time.minutes", { minutes: Math.floor(whole / 60), seconds: whole % 60 });
  return t("time.hours", { hours: Math.floor(whole / 3600), minutes: Math.floor((whole % 3600) / 60) });
}
