"""The uploaded pictures of a data folder: one plain PNG for all owners of the same pixels."""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

from webui.core.errors import InkstoneError, NotFound
from webui.services.files import place_whole
from webui.services.inputs.limits import DAYS, InputLimits
from webui.services.inputs.normalising import Normaliser, PlainPicture
from webui.services.inputs.table import Input, InputTable
from webui.services.storage_errors import storage_errors
from webui.services.store import Store

FOLDER = "inputs"
INCOMING = "incoming"
DAY = 24 * 3600
DECODERS = 2
"""Pictures that are decoded at a time, so that a crowd of uploads leaves room for the rest."""

SWEEP_SECONDS = 3600.0

_log = logging.getLogger(__name__)


class InputStore:
    """Takes pictures in, finds them, and forgets those that nobody uses. Thread-safe."""

    def __init__(
        self, store: Store, *, limits: InputLimits | None = None, days: float = DAYS
    ) -> None:
        """`days`: how long an unused picture is kept."""
        self.limits = limits or InputLimits()
        self._folder = store.data_dir / FOLDER
        self._rows = InputTable(store)
        self._days = days
        self._normaliser = Normaliser(self.limits)
        self._turns = ThreadPoolExecutor(DECODERS, thread_name_prefix="input")
        self._lock = threading.Lock()  # a file and its row come and go together
        self._swept = -SWEEP_SECONDS

    def recover(self) -> None:
        """Removes what a crash left half done. Call once, before anything is taken in.

        Raises:
            StorageError: the data folder cannot be written.
        """
        with storage_errors(self._folder):
            for folder in (self._folder, self._folder / INCOMING):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left in (self._folder / INCOMING).iterdir():
                left.unlink(missing_ok=True)
            known, old = set(self._rows.names()), time.time() - self._days * DAY
            for file in self._folder.glob("*.png"):
                if file.stem not in known and file.stat().st_mtime < old:
                    file.unlink(missing_ok=True)
        self.sweep()

    def close(self) -> None:
        """Ends what is being decoded."""
        self._normaliser.close()
        self._turns.shutdown(cancel_futures=True)

    @contextlib.contextmanager
    def incoming(self) -> Iterator[Path]:
        """A place for a file that arrives, which is removed when the body ends."""
        path = self._folder / INCOMING / secrets.token_hex(16)
        try:
            yield path
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def begin(self, owner: str, files: Sequence[Path]) -> Future[list[Input | InkstoneError]]:
        """Takes files in when it is their turn; `take` says with what result."""
        return self._turns.submit(self.take, owner, tuple(files))

    def take(self, owner: str, files: Sequence[Path]) -> list[Input | InkstoneError]:
        """Takes files in: for each the owner's picture, or what is wrong with it.

        Raises:
            StorageError: the data folder cannot be written.
            Cancelled: the server stops.
        """
        with contextlib.ExitStack() as places:
            parts = [places.enter_context(self.incoming()) for _ in files]
            outcomes = self._normaliser.run(list(zip(files, parts, strict=True)))
            taken: list[Input | InkstoneError] = []
            for outcome, part in zip(outcomes, parts, strict=True):
                if isinstance(outcome, PlainPicture):
                    taken.append(self._keep(owner, outcome, part))
                else:
                    taken.append(outcome)
        self._sweep_late()
        return taken

    def get(self, owner: str, input_id: str) -> Input:
        """The owner's picture.

        Raises:
            NotFound: no such picture, or somebody else's.
        """
        found = self._rows.get(owner, input_id)
        if found is None:
            raise NotFound("error.input_not_found", id=input_id[:64])
        return found

    def file(self, owner: str, input_id: str) -> Path:
        """Where the owner's picture lies, as PNG.

        Raises:
            NotFound: no such picture, somebody else's, or its file was removed.
        """
        path = self._path(self.get(owner, input_id).id)
        if not path.is_file():
            raise NotFound("error.input_not_found", id=input_id)
        return path

    def content(self, owner: str, input_id: str) -> bytes:
        """The owner's picture as PNG.

        Raises:
            NotFound: as `file`.
        """
        path = self.file(owner, input_id)
        try:
            return path.read_bytes()
        except OSError as error:
            raise NotFound("error.input_not_found", id=input_id) from error

    def use(self, owner: str, input_id: str) -> bool:
        """Whether a request of this owner may name the picture; its time begins anew."""
        return self._rows.use(owner, input_id) and self._path(input_id).is_file()

    def sweep(self) -> None:
        """Removes pictures that were not used for long and that no job names.

        Raises:
            StorageError: the data folder cannot be written.
        """
        since = datetime.now(timezone.utc) - timedelta(seconds=self._days * DAY)
        with self._lock, storage_errors(self._folder):
            self._swept = time.monotonic()
            for input_id in self._rows.forget_unused(since):
                self._path(input_id).unlink(missing_ok=True)

    def _keep(self, owner: str, picture: PlainPicture, part: Path) -> Input:
        path = self._path(picture.id)
        with self._lock, storage_errors(path):
            place_whole(part, path)
            return self._rows.keep(owner, picture)

    def _sweep_late(self) -> None:
        if time.monotonic() - self._swept < SWEEP_SECONDS:
            return
        try:
            self.sweep()
        except InkstoneError as error:  # the upload is safe; the next one tries again
            _log.warning("unused pictures not removed: %s", error)

    def _path(self, input_id: str) -> Path:
        return self._folder / f"{input_id}.png"
