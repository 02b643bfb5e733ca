"""Fetches one file: continued where it broke, checked before it counts as there."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
from collections.abc import Callable
from io import RawIOBase
from pathlib import Path

from webui.core.errors import Cancelled, DownloadError, StorageError
from webui.services.downloads.addresses import shown
from webui.services.downloads.offer import RemoteFile
from webui.services.downloads.web import Answer, Web, broken
from webui.services.files import part_of, write_whole
from webui.services.storage_errors import storage_errors

CHUNK = 2**20
TRIES = 6
"""Times in a row that a connection may break without a byte between."""

LONGEST_PAUSE = 16.0
SPARE = 256 * 2**20
"""Bytes that stay free on the disk."""

Heard = Callable[[int], None]
"""Is told how many bytes of the file are there."""

Wait = Callable[[float], bool]
"""Waits so many seconds, 0 for none; True if a person wants it to stop."""


def check_room(folder: Path, needed: int) -> None:
    """Raises StorageError unless `needed` bytes and some to spare are free where `folder` is."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    with storage_errors(folder):
        free = shutil.disk_usage(there).free
    if free < needed + SPARE:
        values = {"needed": f"{(needed + SPARE) / 10**9:.1f}", "free": f"{free / 10**9:.1f}"}
        raise StorageError("error.download_room", folder=str(folder), **values)


def fetched(part: Path) -> int:
    """Bytes of a file that are there from an earlier try."""
    try:
        return part.stat().st_size
    except OSError:
        return 0


def fetch(web: Web, file: RemoteFile, part: Path, heard: Heard, wait: Wait) -> None:
    """Writes the file to `part`, from where an earlier try ended if it is the same file still.

    Beside it lies a note of what it belongs to until the file is whole.

    Raises:
        Cancelled: a person stopped it; what is there stays for a later try.
        DownloadError: the server refuses, changes the file's size or breaks off too often.
        StorageError: the disk is full or cannot be written.
    """
    note = _Note(part, file)
    tries = 0
    while (have := note.have()) < file.size:
        heard(have)
        trouble: Exception = http.client.IncompleteRead(b"", file.size - have)
        try:
            _ask(web, file, note, have, heard, wait)
        except (OSError, http.client.HTTPException) as error:
            trouble = error
        there = note.have()
        tries = 0 if there > have else tries + 1
        if there < file.size:
            if tries == TRIES:
                raise broken(file.url, trouble) from trouble
            if wait(min(LONGEST_PAUSE, 2.0**tries - 1)):
                raise Cancelled
    heard(file.size)
    _check_sum(file, part, wait)
    with storage_errors(part), part.open("rb+") as written:
        os.fsync(written.fileno())
    note.forget()


class _Note:
    """What a part belongs to: address, size and the server's mark for this version."""

    def __init__(self, part: Path, file: RemoteFile) -> None:
        self.part = part
        self._path = part.with_name(part.name + ".json")
        self._file = file
        self.tag = ""

    def have(self) -> int:
        """Bytes that can be kept; 0 if they belong to another file."""
        size = fetched(self.part)
        try:
            note = json.loads(self._path.read_bytes())
            same = note["url"] == shown(self._file.url) and note["size"] == self._file.size
            same = same and note["sha256"] == self._file.sha256
            self.tag = str(note["tag"])
        except (OSError, ValueError, TypeError, KeyError):
            return 0
        known = bool(self.tag or self._file.sha256)  # else nobody could tell two versions apart
        return size if same and known and size <= self._file.size else 0

    def begin(self, tag: str) -> None:
        """Before the first byte is written."""
        self.tag = tag
        known = {
            "url": shown(self._file.url),
            "size": self._file.size,
            "sha256": self._file.sha256,
            "tag": tag,
        }
        with storage_errors(self._path):
            self.part.unlink(missing_ok=True)
            write_whole(self._path, json.dumps(known).encode(), durable=False)

    def forget(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()


def _ask(web: Web, file: RemoteFile, note: _Note, have: int, heard: Heard, wait: Wait) -> None:
    headers = {"Range": f"bytes={have}-"} if have else {}
    if have and note.tag:
        headers["If-Range"] = note.tag
    with web.open(file.url, headers) as answer:
        if answer.start not in (0, have):
            raise http.client.HTTPException("Content-Range")
        if answer.size is not None and answer.size != file.size:
            raise DownloadError("error.download_changed", url=shown(file.url))
        if not answer.start or not have:
            note.begin(answer.tag)
        _write(answer, file, note.part, heard, wait)


def _write(answer: Answer, file: RemoteFile, part: Path, heard: Heard, wait: Wait) -> None:
    written = answer.start
    with storage_errors(part):
        stream = part.open("rb+" if answer.start else "wb", buffering=0)
    with contextlib.closing(stream):
        stream.seek(written)
        while chunk := answer.body.read1(CHUNK):
            written += len(chunk)
            if written > file.size:
                raise DownloadError("error.download_changed", url=shown(file.url))
            _put(stream, chunk, part)
            heard(written)
            if wait(0):
                raise Cancelled


def _put(stream: RawIOBase, chunk: bytes, part: Path) -> None:
    """Writes all of it; without a buffer, so that a full disk is noticed here and not later."""
    rest = memoryview(chunk)
    try:
        while rest:
            rest = rest[stream.write(rest) or 0 :]
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError("error.download_disk", path=str(part), reason=reason) from error


def _check_sum(file: RemoteFile, part: Path, wait: Wait) -> None:
    """Reads the file again, so that what is on the disk is what was checked."""
    if not file.sha256:
        return
    digest = hashlib.sha256()
    with storage_errors(part), part.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            if wait(0):
                raise Cancelled
    if digest.hexdigest() != file.sha256:
        part.unlink(missing_ok=True)
        wanted, got = file.sha256[:12], digest.hexdigest()[:12]
        raise DownloadError("error.download_sum", url=shown(file.url), wanted=wanted, got=got)


def aside(target: Path) -> Path:
    """Where a download lies until it is whole: hidden, so that no list of models shows it."""
    return part_of(target.with_name(f".{target.name}"))
