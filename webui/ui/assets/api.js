// Talks to the server. A refusal becomes a Refusal with the server's messages.

const RETRIES = 3;

export class Refusal extends Error {
  constructor(status, problems) {
    super(problems.map((problem) => problem.text || problem.key).join(" "));
    this.status = status;
    this.problems = problems;
  }
}

// The address of a path of ours, also where the server stands under a prefix.
export const urlOf = (path) => (window.inkstone?.base ?? "") + path;

async function answer(response) {
  if (response.ok) return response.status === 204 ? null : response.json();
  if (response.status === 401) location.assign(urlOf("/login")); // the session has ended
  let problems = [];
  try {
    problems = (await response.json()).problems || [];
  } catch {
    // not JSON: a proxy or the server's last words; the status says enough
  }
  if (!problems.length) problems = [{ key: "error.http", values: { status: response.status } }];
  throw new Refusal(response.status, problems);
}

// A server that is asked too often says when to ask again.
async function patiently(ask) {
  for (let left = RETRIES; ; left -= 1) {
    const response = await ask();
    if (response.status !== 429 || !left) return response;
    const seconds = Number(response.headers.get("Retry-After")) || 1;
    await new Promise((go) => setTimeout(go, 1000 * Math.min(seconds, 30)));
  }
}

async function call(path, options) {
  let response;
  try {
    response = await patiently(() => fetch(urlOf(path), options));
  } catch {
    throw new Refusal(0, [{ key: "error.offline", values: {} }]);
  }
  return answer(response);
}

export function get(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  return call(query ? `${path}?${query}` : path, { headers: { Accept: "application/json" } });
}

export function post(path, body = {}) {
  return withBody("POST", path, body);
}

export function put(path, body) {
  return withBody("PUT", path, body);
}

export function remove(path, parameters) {
  const query = new URLSearchParams(parameters);
  return call(`${path}?${query}`, { method: "DELETE", headers: { Accept: "application/json" } });
}

// The bytes of a file as they are.
export function send(path, blob) {
  const headers = { "Content-Type": "application/octet-stream", Accept: "application/json" };
  return call(path, { method: "POST", headers, body: blob });
}

function withBody(method, path, body) {
  return call(path, {
    method,
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
}
