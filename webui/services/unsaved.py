"""Pictures that the disk refused, kept in memory so that they still reach the browser."""

from __future__ import annotations

import threading
from collections import OrderedDict

from webui.services.records import Picture

MAX_BYTES = 256 * 2**20


class UnsavedPictures:
    """The newest pictures up to `MAX_BYTES` of encoded ones; older ones make way. Thread-safe."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._held: OrderedDict[str, tuple[Picture, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, picture: Picture, data: bytes) -> Picture:
        """Takes the picture in and hands it back; the newest one always fits."""
        with self._lock:
            self._held[picture.id] = (picture, data)
            size = sum(len(data) for _, data in self._held.values())
            while size > self._max_bytes and len(self._held) > 1:
                _, (_, dropped) = self._held.popitem(last=False)
                size -= len(dropped)
        return picture

    def remove(self, picture_id: str) -> None:
        """Forgets a picture that is safe on the disk by now."""
        with self._lock:
            self._held.pop(picture_id, None)

    def get(self, picture_id: str) -> Picture | None:
        """The picture of this id."""
        with self._lock:
            held = self._held.get(picture_id)
        return held[0] if held else None

    def content(self, picture_id: str) -> bytes | None:
        """The picture's file."""
        with self._lock:
            held = self._held.get(picture_id)
        return held[1] if held else None

    def of_job(self, job_id: str) -> list[Picture]:
        """The job's pictures that are here."""
        with self._lock:
            return [picture for picture, _ in self._held.values() if picture.job_id == job_id]

    def latest(self, owner: str) -> Picture | None:
        """The owner's newest picture that is here."""
        with self._lock:
            mine = [picture for picture, _ in self._held.values() if picture.owner == owner]
        return mine[-1] if mine else None
