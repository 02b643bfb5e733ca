// Pictures that are dropped on the editor or pasted while it is on the page.

import { pictureOf } from "../reading.js";

const carriesPicture = (transfer) =>
  [...transfer.types].some((type) => type === "Files" || type === "text/uri-list");

// `take(blob)` gets them; `refuse(error)` what went wrong on the way.
export function takeFiles(root, take, refuse) {
  const receive = (transfer) => {
    // A file that does not look like a picture goes on as well: then its reader says so.
    pictureOf(transfer).then((blob) => blob || transfer.files[0]).then((blob) => blob && take(blob), refuse);
  };
  root.addEventListener("dragover", (event) => {
    if (!carriesPicture(event.dataTransfer)) return;
    event.preventDefault();
    root.classList.add("ink-drop");
  });
  root.addEventListener("dragleave", (event) => {
    if (!root.contains(event.relatedTarget)) root.classList.remove("ink-drop");
  });
  root.addEventListener("drop", (event) => {
    root.classList.remove("ink-drop");
    if (!carriesPicture(event.dataTransfer)) return;
    event.preventDefault();
    receive(event.dataTransfer);
  });
  document.addEventListener("paste", (event) => {
    const seen = root.getClientRects().length > 0 && !document.querySelector("dialog[open]");
    if (!seen || event.defaultPrevented || !event.clipboardData.files.length) return;
    event.preventDefault();
    receive(event.clipboardData);
  });
}
