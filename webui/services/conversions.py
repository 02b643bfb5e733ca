"""The conversion of a pickle that a page asked for: one at a time, in the background."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from webui.core.errors import Cancelled, InkstoneError, InvalidRequest, Message, ModelFileError
from webui.services.conversion import convert, target_of
from webui.services.library.entries import Item
from webui.services.library.walk import legible
from webui.services.models import ModelLibrary

PICKLE = "error.model_pickle"
"""What the library says of pickles."""


def convertible(item: Item) -> bool:
    """Whether it is a pickle that is used as soon as it is converted, and is not converted yet."""
    pickle = item.problem is not None and item.problem.key == PICKLE
    return pickle and item.path.is_file() and not target_of(item.path).exists()


class Conversions:
    """Converts pickles of the library. Safe to use from several threads."""

    def __init__(self, library: ModelLibrary) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._view: dict[str, Any] = {"state": "idle"}

    def start(self, path: str) -> None:
        """Begins with a file that the library lists as a pickle, by the path that it gives.

        Raises:
            ModelFileError: it lists no such pickle.
            InvalidRequest: another conversion is running.
        """
        items = self._library.shelf().items
        item = next((i for i in items if legible(str(i.path)) == path and convertible(i)), None)
        if item is None:
            raise ModelFileError("error.convert_unlisted", file=legible(path))
        with self._lock:
            if self._view["state"] == "running":
                raise InvalidRequest(Message("error.convert_busy"))
            self._view = {
                "state": "running", "name": legible(item.name), "file": path, "done": 0, "total": 0,
            }  # fmt: skip
            self._thread = threading.Thread(
                target=self._run, args=(item.path,), name="convert", daemon=True
            )
            self._thread.start()

    def view(self) -> dict[str, Any]:
        """How far the running one is, or how the last one ended. Messages have no text yet."""
        with self._lock:
            return dict(self._view)

    def close(self) -> None:
        """Ends the running one and waits until it is cleared away."""
        self._stop.set()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self, source: Path) -> None:
        said: dict[str, Any] = {
            "state": "failed",
            "message": Message("error.internal", {"reason": source.name}).to_json(),
        }
        try:
            target = convert(source, self._say, self._stop)
            self._library.refresh()
            said = {"state": "done", "path": legible(str(target))}
        except Cancelled:
            said = {"state": "cancelled"}
        except InkstoneError as error:
            said = {"state": "failed", "message": error.message.to_json()}
        finally:
            with self._lock:
                self._view |= said

    def _say(self, done: int, total: int) -> None:
        with self._lock:
            self._view |= {"done": done, "total": total}
