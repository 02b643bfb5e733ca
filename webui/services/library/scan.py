"""Looks at the folders of models beside everything else, opening only what is new or changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from pathlib import Path

from webui import __version__
from webui.core.errors import Message, ModelFileError
from webui.core.model_files.folders import part_weights, recognise_folder
from webui.core.model_files.recognise import recognise_file
from webui.core.model_files.recognition import Recognition
from webui.services.library.entries import ModelEntry, checkpoint_entry
from webui.services.library.places import bases_of, realms_of
from webui.services.library.remembered import Remembered
from webui.services.library.shelf import Shelf, Verdict, sort
from webui.services.library.walk import Candidate, walk

PUBLISH_AFTER = 50
"""New files after which a first look tells what it has found so far."""


class Scanner:
    """Gives the library as it is. Thread-safe; one look at a time."""

    def __init__(
        self,
        folders: Iterable[Path],
        memory: Path | None,
        *,
        patience: float | None,
        fresh: float,
    ) -> None:
        """`memory`: the file that keeps what was recognised between runs.

        patience: seconds that a caller waits for a look before it gets the last one's result;
        None waits for the end. fresh: seconds for which a result is given again without a look.
        """
        self._folders = tuple(folders)
        self._patience = patience
        self._fresh = fresh
        self._known: Remembered[Verdict] = Remembered(memory, Recognition | Message, __version__)
        self._made: dict[tuple[object, ...], ModelEntry] = {}
        self._shelf = Shelf()
        self._seen = float("-inf")
        self._lock = threading.Lock()
        self._next: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="models")
        self._closed = threading.Event()

    def shelf(self, *, whole: bool = False, anew: bool = False) -> Shelf:
        """The library. `whole`: waits for the end; `anew`: however fresh the last result is."""
        if anew or time.monotonic() - self._seen > self._fresh:
            look = self._ask()
            if look is not None:
                try:
                    look.result(None if whole else self._patience)
                except NotInTime:
                    return self._shelf
        return self._shelf

    def close(self) -> None:
        """Ends the look that is under way."""
        with self._lock:
            self._closed.set()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _ask(self) -> Future[None] | None:
        """A look that has not begun yet, so that it sees what was there before this call."""
        with self._lock:
            if self._closed.is_set():
                return None
            if self._next is None:
                self._next = self._thread.submit(self._look)
            return self._next

    def _look(self) -> None:
        with self._lock:
            self._next = None
        bases = [base for folder in self._folders for base in bases_of(folder)]
        candidates = walk(bases, realms_of(self._folders))
        judged: list[tuple[Candidate, Verdict]] = []
        new = 0
        first = not self._shelf.checkpoints
        for candidate in candidates:
            if self._closed.is_set():
                return
            verdict = candidate.refusal or self._known.get(candidate.path, candidate.stamp)
            if verdict is None:
                verdict = _recognise(candidate)
                self._known.put(candidate.path, candidate.stamp, verdict)
                new += 1
                if first and new % PUBLISH_AFTER == 0:
                    self._shelf = sort(judged, self._entry)
            judged.append((candidate, verdict))
        self._shelf = sort(judged, self._entry)
        self._seen = time.monotonic()
        self._known.save()

    def _entry(self, candidate: Candidate, found: Recognition, name: str) -> ModelEntry:
        """An entry, read again only when one of its files has changed."""
        key = (candidate.path, candidate.stamp, candidate.sidecars, name)
        if key not in self._made:
            self._made[key] = checkpoint_entry(candidate, found, name)
        return self._made[key]


def _recognise(candidate: Candidate) -> Verdict:
    root = candidate.realm.path if candidate.realm else None
    try:
        if candidate.form == "folder":
            return recognise_folder(candidate.path, root)
        if candidate.form == "part":
            weights = part_weights(candidate.path)
            if weights is None:
                return Message("error.model_missing", {"file": str(candidate.path)})
            # Of several files the first tells the kind; loading looks at all of them.
            shards = sorted(candidate.path.glob("*.safetensors"))
            return recognise_file(shards[0] if weights.suffix == ".json" and shards else weights)
        return recognise_file(candidate.path)
    except ModelFileError as error:
        return error.message
