// Building elements. Text always goes in as text, never as HTML.

export const byId = (id) => document.getElementById(id);

export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(node.dataset, value);
    else if (name in node && name !== "role") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function iconButton(icon, label, onclick, extra = "") {
  return el("button", {
    type: "button",
    className: `ink-icon-button ink-icon-${icon} ${extra}`,
    title: label,
    "aria-label": label,
    onclick,
  });
}

// What a picture is called where it cannot be seen.
export function caption(picture) {
  return picture.settings?.prompt || picture.infotext || picture.id;
}

// Makes `nodes` the children of `parent`. Nodes that are there in that order are left alone: one
// that is put in again between press and release loses the click.
export function arrange(parent, nodes) {
  const there = parent.children;
  const same = nodes.length === there.length && nodes.every((node, at) => there[at] === node);
  if (!same) parent.replaceChildren(...nodes);
}

export function show(node, visible) {
  node.hidden = !visible;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Resolves when all these ids are in the page; Gradio draws it piece by piece.
export function whenPresent(ids) {
  return new Promise((resolve) => {
    const complete = () => ids.every((id) => byId(id));
    if (complete()) return resolve();
    const watch = new MutationObserver(() => {
      if (!complete()) return;
      watch.disconnect();
      resolve();
    });
    watch.observe(document.documentElement, { childList: true, subtree: true });
  });
}

export function remember(name, value) {
  try {
    localStorage.setItem(`inkstone.${name}`, value);
  } catch {
    // storage is full or switched off: the page works, it only forgets
  }
}

export function recall(name) {
  try {
    return localStorage.getItem(`inkstone.${name}`);
  } catch {
    return null;
  }
}

export async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = el("textarea", { value: text, className: "ink-offscreen" });
  document.body.append(area);
  area.select();
  document.execCommand("copy"); // the only way on plain http within a LAN
  area.remove();
  return undefined;
}
