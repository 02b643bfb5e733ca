"""The hashes that people know models by: a file's SHA-256, and its first ten digits."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from webui.services.library.remembered import Remembered
from webui.services.library.walk import stamp_of

DIGITS = 10
BLOCK = 2**20
SMALL_FILE = 100 * 2**20
"""Files up to this size are hashed while the caller waits: it takes a tenth of a second."""


class Hashes:
    """Computes hashes in one thread in the background, what was asked for last first."""

    def __init__(self, file: Path | None) -> None:
        """`file`: where hashes are kept between runs."""
        self._known: Remembered[str] = Remembered(file, str, "sha256")
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Path, str]] = deque()
        self._asked: set[tuple[Path, str]] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hash")
        self._closed = threading.Event()

    def of(self, path: Path) -> str | None:
        """The hash of a file; None while a large one is read in the background, or without one."""
        return _short(self._digest(path))

    def whole(self, path: Path) -> str | None:
        """All 64 digits where they are known or quickly found out; reads no large file."""
        digest = self._kept(path) or ""
        if len(digest) <= DIGITS:  # unknown, or kept by an earlier version
            digest = self._of_small(path) or ""
        return digest or None

    def known(self, path: Path) -> str | None:
        """The hash of a file if it was computed before."""
        return _short(self._kept(path))

    def _digest(self, path: Path) -> str | None:
        try:
            status = path.stat()
        except OSError:
            return None
        stamp = stamp_of(status)
        known = self._known.get(path, stamp)
        if known is None and status.st_size <= SMALL_FILE:
            known = self._compute(path, stamp)
        elif known is None:
            self._ask(path, stamp)
        return known or None

    def _of_small(self, path: Path) -> str | None:
        try:
            status = path.stat()
        except OSError:
            return None
        return self._compute(path, stamp_of(status)) if status.st_size <= SMALL_FILE else None

    def _kept(self, path: Path) -> str | None:
        try:
            return self._known.get(path, stamp_of(path.stat())) or None
        except OSError:
            return None

    def close(self) -> None:
        """Ends the background thread, within one block of the file that it reads."""
        self._closed.set()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _ask(self, path: Path, stamp: str) -> None:
        wanted = (path, stamp)
        with self._lock:
            if self._closed.is_set():
                return
            if wanted in self._asked:
                if wanted in self._waiting:
                    self._waiting.remove(wanted)
                    self._waiting.append(wanted)
                return
            self._asked.add(wanted)
            self._waiting.append(wanted)
            self._thread.submit(self._work)

    def _work(self) -> None:
        with self._lock:
            path, stamp = self._waiting.pop()
        self._compute(path, stamp)
        with self._lock:
            self._asked.discard((path, stamp))

    def _compute(self, path: Path, stamp: str) -> str:
        digest = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while block := file.read(BLOCK):
                    if self._closed.is_set():
                        return ""
                    digest.update(block)
            if stamp_of(path.stat()) != stamp:  # it changed meanwhile
                return ""
        except OSError:
            return ""
        found = digest.hexdigest()
        self._known.put(path, stamp, found)
        self._known.save()
        return found


def _short(digest: str | None) -> str | None:
    return digest[:DIGITS] if digest else None
