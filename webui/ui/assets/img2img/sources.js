// Pictures on their way to the server and back. The server names them by their content.

import { Refusal, send, urlOf } from "../api.js";

const known = new WeakMap(); // file -> promise of the server's answer

export const addressOf = (id) => urlOf(`/api/inputs/${id}`);

// { id, width, height } of a file; each file is sent once.
export function inputOf(blob) {
  if (!known.has(blob)) {
    const asked = send("/api/inputs", blob);
    known.set(blob, asked);
    asked.catch(() => known.delete(blob));
  }
  return known.get(blob);
}

// The server has put it away meanwhile: it is sent again.
export function forget(blob) {
  known.delete(blob);
}

export async function fetchPicture(address) {
  let answer;
  try {
    answer = await fetch(address);
  } catch {
    throw new Refusal(0, [{ key: "error.offline", values: {} }]);
  }
  if (!answer.ok) throw new Refusal(answer.status, [{ key: "img2img.gone", values: {} }]);
  return answer.blob();
}

// A file that browsers cannot read (TIFF) as one that they can.
export async function readable(blob) {
  const { id } = await inputOf(blob);
  return fetchPicture(addressOf(id));
}

const THUMB = 96; // pixels

// A small copy as a data address, short enough to be kept in this browser.
export async function thumbOf(blob) {
  const whole = await createImageBitmap(blob);
  const share = Math.min(1, THUMB / Math.max(whole.width, whole.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(whole.width * share));
  canvas.height = Math.max(1, Math.round(whole.height * share));
  canvas.getContext("2d").drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  return canvas.toDataURL("image/webp", 0.8);
}
