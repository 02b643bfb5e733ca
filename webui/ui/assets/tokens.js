// "12/75" at each prompt, counted by the server as the model will.

import { byId, el, setText } from "./dom.js";
import { post } from "./api.js";
import { t } from "./messages.js";
import { fieldId } from "./plain.js";

const FIELDS = ["prompt", "negative_prompt"];
const WAIT = 250; // ms after the last key
const MOST = 20000; // characters that the server reads; Generate says so at the field

// The counter of one form: a function that takes its values. `styles`: the form's.
export function createCounter(prefix, styles) {
  const counted = {};
  let timer;

  async function count(name, values) {
    const question = questionOf(name, values, styles.chosen());
    const asked = JSON.stringify(question);
    if (counted[name] === asked) return;
    counted[name] = asked;
    const badge = badgeOf(prefix, name);
    if (question.text.length > MOST) {
      setText(badge, "");
      return;
    }
    let answer;
    try {
      answer = await post("/api/tokens", question);
    } catch {
      counted[name] = null; // no count is better than a wrong one; the next key asks again
      setText(badge, "");
      return;
    }
    if (counted[name] !== asked) return;
    setText(badge, `${answer.used}/${answer.limit}`);
    badge.title = t("label.tokens", answer);
    badge.classList.toggle("ink-over", answer.used > 75);
  }

  return (values) => {
    clearTimeout(timer);
    timer = setTimeout(() => FIELDS.forEach((name) => count(name, values)), WAIT);
  };
}

function questionOf(name, values, styles) {
  const steps = Number(values.steps) >= 1 && Number(values.steps) <= 150 ? Math.floor(values.steps) : 20;
  return {
    text: values[name] || "",
    steps,
    styles,
    emphasis: values.emphasis || "Original",
    checkpoint: values.checkpoint || "",
    negative: name === "negative_prompt",
  };
}

function badgeOf(prefix, name) {
  const id = fieldId(prefix, name);
  const field = byId(id);
  let badge = field.querySelector(".ink-tokens");
  if (!badge) {
    badge = el("span", { className: "ink-tokens", id: `${id}-tokens` });
    field.append(badge);
  }
  return badge;
}
