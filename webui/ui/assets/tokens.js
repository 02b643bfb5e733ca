// "12/75" at each prompt, counted by the server as the model will.

import { byId, el, setText } from "./dom.js";
import { post } from "./api.js";
import { t } from "./messages.js";
import { chosenStyles } from "./styles.js";

const FIELDS = ["prompt", "negative_prompt"];
const WAIT = 250; // ms after the last key
const MOST = 20000; // characters that the server reads; Generate says so at the field
const counted = {};
let timer;

export function countTokens(values) {
  clearTimeout(timer);
  timer = setTimeout(() => FIELDS.forEach((name) => count(name, values)), WAIT);
}

async function count(name, values) {
  const text = values[name] || "";
  const steps = Number(values.steps) >= 1 && Number(values.steps) <= 150 ? Math.floor(values.steps) : 20;
  const styles = chosenStyles();
  const emphasis = values.emphasis || "Original";
  const asked = [values.checkpoint, steps, emphasis, ...styles, text].join("\n");
  if (counted[name] === asked) return;
  counted[name] = asked;
  if (text.length > MOST) {
    setText(badgeOf(name), "");
    return;
  }
  let answer;
  try {
    answer = await post("/api/tokens", {
      text, steps, styles, emphasis, checkpoint: values.checkpoint || "", negative: name === "negative_prompt",
    });
  } catch {
    counted[name] = null; // no count is better than a wrong one; the next key asks again
    setText(badgeOf(name), "");
    return;
  }
  if (counted[name] !== asked) return;
  const badge = badgeOf(name);
  setText(badge, `${answer.used}/${answer.limit}`);
  badge.title = t("label.tokens", answer);
  badge.classList.toggle("ink-over", answer.used > 75);
}

function badgeOf(name) {
  const field = byId(`ink-${name}`);
  let badge = field.querySelector(".ink-tokens");
  if (!badge) {
    badge = el("span", { className: "ink-tokens", id: `ink-${name}-tokens` });
    field.append(badge);
  }
  return badge;
}
