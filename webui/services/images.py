"""Finished pictures: a file with its infotext and a row, kept exactly once.

The row is inserted as "writing" with its final path, the file is written aside, synced and
renamed, the row becomes "saved". After a crash at any point `recover` can tell from the row
and the file which of these happened.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath

from webui.core.errors import NotFound, StorageError
from webui.services.files import part_of, write_whole
from webui.services.formats import QUALITY, Format
from webui.services.numbering import Numbering
from webui.services.picture_files import encode_picture
from webui.services.picture_table import PictureTable
from webui.services.records import Job, Picture
from webui.services.storage_errors import storage_errors
from webui.services.store import Store
from webui.services.thumbnails import Thumbnails
from webui.services.unsaved import UnsavedPictures

OUTPUTS = PurePosixPath("outputs")
UNKEPT = PurePosixPath("cache", "unkept")
"""Where pictures lie that are for one client and not for the history."""

_log = logging.getLogger(__name__)


class ImageStore:
    """Saves, finds and reads pictures. Thread-safe."""

    def __init__(
        self,
        store: Store,
        *,
        file_format: Format = "png",
        quality: int = QUALITY,
        today: Callable[[], datetime] = datetime.now,
    ) -> None:
        """`file_format` and `quality` are those of `encode_picture`, for pictures to come.

        `today` gives the local time that names the folder of the day.
        """
        self._data_dir = store.data_dir
        self._rows = PictureTable(store)
        self._numbers = Numbering()
        self._thumbnails = Thumbnails(store.data_dir / "cache" / "thumbnails")
        self._unsaved = UnsavedPictures()
        self._unsettled: set[str] = set()
        self._totals: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._today = today
        self._format: Format = file_format
        self._quality = quality

    def recover(self) -> None:
        """Settles what a crash left open. Call once, before anything is saved.

        Raises:
            StorageError: the database cannot be written.
        """
        for picture in self._rows.in_state("unkept"):
            self._forget(picture)
        for picture in self._rows.in_state("writing"):
            path = self._path(picture)
            if PurePosixPath(picture.path).is_relative_to(UNKEPT):
                with storage_errors(path):
                    path.unlink(missing_ok=True)
                self._rows.drop(picture.id)
            elif path.is_file():
                self._rows.settle(picture.id)
            else:
                self._rows.drop(picture.id)
            with storage_errors(path):
                part_of(path).unlink(missing_ok=True)
        self._totals = Counter(self._rows.totals())  # a long history takes a while to count

    def save(
        self,
        job: Job,
        index: int,
        seed: int,
        rgb: bytes,
        width: int,
        height: int,
        infotext: str,
        request_json: str,
        *,
        alpha: bytes | None = None,
    ) -> Picture:
        """Keeps a finished picture; `rgb` holds height * width * 3 bytes.

        `alpha`: height * width bytes of one that is not opaque everywhere.

        A picture that is there already comes back as it is. When the disk refuses, the picture
        comes back with `unsaved` saying why and lives in memory until newer ones displace it.
        """
        file = encode_picture(
            rgb, width, height, self._format, infotext, request_json, self._quality, alpha
        )
        picture = self._new(job, index, seed, width, height, infotext)
        try:
            self._settle_late()
            picture = replace(picture, path=str(self._place(job, picture, file.format)))
            taken = self._rows.begin(picture)
            if taken:
                return taken
            self._write(picture, file.data)
        except StorageError as error:
            _log.warning("picture %s of job %s not saved: %s", index, job.id, error)
            kept = replace(picture, state="unsaved", unsaved=error.message)
            return self._unsaved.add(kept, file.data)
        saved = replace(picture, state="saved" if job.kept else "unkept")
        try:
            self._settle(saved)
        except StorageError as error:
            _log.warning("picture %s of job %s is saved, its row not yet: %s", index, job.id, error)
            self._unsettled.add(saved.id)
            self._unsaved.add(saved, file.data)
        return saved

    def discard(self, job_id: str) -> None:
        """Removes a job's pictures that are not to be kept: their client has them.

        Raises:
            StorageError: the database or the folder cannot be written.
        """
        for picture in self.of_job(job_id):
            if picture.state == "unkept":
                self._forget(picture)
            elif picture.state == "unsaved":
                self._unsaved.remove(picture.id)

    def skip(self, job: Job, index: int, seed: int) -> None:
        """Notes that a picture will not be made.

        Raises:
            StorageError: the database cannot be written.
        """
        picture = self._new(job, index, seed, job.request.width, job.request.height, "")
        self._rows.begin(replace(picture, state="skipped"))

    def get(self, owner: str, picture_id: str, *, admin: bool = False) -> Picture:
        """The picture, when it belongs to `owner` or an administrator asks.

        Raises:
            NotFound: no such picture, or somebody else's.
        """
        picture = self._unsaved.get(picture_id) or self._rows.get(picture_id)
        if picture is None or not (admin or picture.owner == owner):
            raise NotFound("error.picture_not_found", id=picture_id)
        return picture

    def of_job(self, job_id: str) -> list[Picture]:
        """A job's pictures by index: those in memory only and those not to be kept included."""
        found = {picture.index: picture for picture in self._unsaved.of_job(job_id)}
        found.update({picture.index: picture for picture in self._rows.of_job(job_id)})
        return [found[index] for index in sorted(found)]

    def saved_counts(self, job_ids: list[str]) -> dict[str, int]:
        """How many pictures of each of these jobs can be looked at."""
        counts = self._rows.saved_counts(job_ids)
        for job_id in job_ids:
            counts[job_id] = counts.get(job_id, 0) + len(self._unsaved.of_job(job_id))
        return counts

    def latest_job(self, owner: str) -> str | None:
        """The job of the owner's newest picture."""
        newest = self._unsaved.latest(owner)
        return newest.job_id if newest else self._rows.latest_job(owner)

    def page(self, owner: str, page: int, size: int, search: str = "") -> tuple[list[Picture], int]:
        """Page `page` (from 1) of the owner's saved pictures, newest first, and their total.

        `search` keeps those whose infotext contains it, whatever the case.
        """
        pictures = self._rows.page(owner, (max(page, 1) - 1) * size, size, search)
        return pictures, self._rows.count(owner, search) if search else self._total(owner)

    def path(self, picture: Picture) -> Path | None:
        """The picture's file; None for a picture that lives in memory only."""
        return None if picture.unsaved else self._path(picture)

    def content(self, picture: Picture) -> bytes:
        """The picture's file, as it was encoded.

        Raises:
            NotFound: its file was removed, or it fell out of memory.
        """
        try:
            data = self._unsaved.content(picture.id) or _read(self._path(picture))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise NotFound("error.picture_gone", path=picture.path, reason=reason) from error
        return data

    def thumbnail(self, picture: Picture) -> bytes:
        """The picture as a small WebP.

        Raises:
            NotFound: its file was removed or is damaged.
        """
        small = self._thumbnails.cached(picture.id)
        if small is None:
            data = self.content(picture)
            try:
                small = self._thumbnails.make(picture.id, data)
            except OSError as error:
                raise NotFound(
                    "error.picture_gone", path=picture.path, reason=str(error)
                ) from error
        return small

    def _new(
        self, job: Job, index: int, seed: int, width: int, height: int, infotext: str
    ) -> Picture:
        return Picture(
            id=secrets.token_hex(8),
            job_id=job.id,
            index=index,
            owner=job.owner,
            state="writing",
            path="",
            seed=seed,
            width=width,
            height=height,
            infotext=infotext,
            created=datetime.now(timezone.utc),
            request=job.request.model_dump_json(),
        )

    def _place(self, job: Job, picture: Picture, file_format: Format) -> PurePosixPath:
        """The path of a new file, relative to the data folder; its folder is there."""
        if not job.kept:
            with storage_errors(self._data_dir / UNKEPT):
                (self._data_dir / UNKEPT).mkdir(parents=True, exist_ok=True)
            return UNKEPT / f"{picture.id}.{file_format}"
        folder = OUTPUTS / f"{job.kind}-images" / self._today().strftime("%Y-%m-%d")
        with storage_errors(self._data_dir / folder):
            name = self._numbers.next_name(self._data_dir / folder, picture.seed, file_format)
        return folder / name

    def _forget(self, picture: Picture) -> None:
        """Removes the file and then the row of a picture that is not to be kept."""
        path = self._path(picture)
        with storage_errors(path):
            path.unlink(missing_ok=True)
        self._rows.remove(picture.id)

    def _write(self, picture: Picture, data: bytes) -> None:
        path = self._path(picture)
        try:
            with storage_errors(path):
                write_whole(path, data)
        except StorageError:
            self._rows.drop(picture.id)
            raise

    def _settle(self, picture: Picture) -> None:
        with self._lock:
            self._rows.settle(picture.id, picture.state)
            self._totals[picture.owner] += picture.state == "saved"

    def _settle_late(self) -> None:
        """Settles rows that the database refused while their files were written already."""
        for picture_id in tuple(self._unsettled):
            picture = self._unsaved.get(picture_id)
            if picture:
                self._settle(picture)
                self._unsaved.remove(picture_id)
            self._unsettled.discard(picture_id)

    def _total(self, owner: str) -> int:
        with self._lock:
            return self._totals[owner]

    def _path(self, picture: Picture) -> Path:
        """The file of a row: inside the data folder, whatever the row says."""
        parts = PurePosixPath(picture.path).parts
        if not parts or any(part in ("..", "/") or ":" in part or "\\" in part for part in parts):
            raise NotFound("error.picture_gone", path=picture.path, reason="path")
        return self._data_dir.joinpath(*parts)


def _read(path: Path) -> bytes:
    if path.is_symlink():  # no picture that was saved here; it could be any file of the server
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return path.read_bytes()
