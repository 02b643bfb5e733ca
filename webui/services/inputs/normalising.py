"""Pictures taken in by a process of their own: this side starts it, waits, and ends it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import webui
from webui.core.errors import (
    Cancelled,
    InkstoneError,
    InvalidRequest,
    Message,
    StorageError,
    TooLarge,
    WrongKind,
)
from webui.services.inputs.limits import InputLimits

COMMAND = (sys.executable, "-m", "webui.services.inputs.child")
SECONDS = 180
"""How long one file may take, also where others keep the machine busy."""

Work = tuple[Path, Path]
"""The file to read, and the PNG to be written, which does not exist yet."""

_KINDS: Mapping[str, type[InkstoneError]] = MappingProxyType(
    {"TooLarge": TooLarge, "WrongKind": WrongKind}
)


@dataclass(frozen=True)
class PlainPicture:
    """A picture that was taken in: its name by content, its size in pixels, if it has alpha."""

    id: str
    width: int
    height: int
    alpha: bool


Outcome = PlainPicture | InkstoneError


class Normaliser:
    """Runs the processes. Thread-safe; `close` ends those that run."""

    def __init__(self, limits: InputLimits, *, seconds: int = SECONDS) -> None:
        self.limits = limits
        self._seconds = seconds
        self._running: set[subprocess.Popen[str]] = set()
        self._closed = False
        self._lock = threading.Lock()

    def run(self, files: Sequence[Work]) -> list[Outcome]:
        """What became of each file. One that is not right does not keep the others.

        Raises:
            Cancelled: `close` was called.
        """
        outcomes: list[Outcome] = []
        while len(outcomes) < len(files):
            rows = self._rows(files[len(outcomes) :])
            outcomes += [self._outcome(row) for row in rows]
            if len(outcomes) < len(files):  # the process ended over the next one
                outcomes.append(self._too_heavy())
        return outcomes

    def close(self) -> None:
        """Ends what runs; nothing starts any more."""
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()

    def _rows(self, files: Sequence[Work]) -> list[dict[str, Any]]:
        order = {
            "limits": asdict(self.limits),
            "files": [(str(source), str(target)) for source, target in files],
        }
        rows = []
        with self._process() as process:
            assert process.stdin is not None  # both are pipes
            assert process.stdout is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(order) + "\n")
                process.stdin.close()
            for _ in files:
                line = self._line(process, process.stdout)
                if not line.endswith("\n"):
                    break
                rows.append(json.loads(line))
        if self._closed:
            raise Cancelled
        return rows

    def _line(self, process: subprocess.Popen[str], said: IO[str]) -> str:
        """The next line of the process, which is ended when it takes too long over it."""
        patience = threading.Timer(self._seconds, process.kill)
        patience.start()
        try:
            return said.readline()
        finally:
            patience.cancel()

    @contextlib.contextmanager
    def _process(self) -> Iterator[subprocess.Popen[str]]:
        with self._lock:
            if self._closed:
                raise Cancelled
            process = subprocess.Popen(
                COMMAND,
                cwd=Path(webui.__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # decoders grumble there about what they are given
                encoding="utf-8",
                start_new_session=sys.platform != "win32",
            )
            self._running.add(process)
        try:
            with process:
                yield process
        except BaseException:  # Ctrl+C above all: it must not outlive us
            process.kill()
            raise
        finally:
            with self._lock:
                self._running.discard(process)

    def _outcome(self, row: Mapping[str, Any]) -> Outcome:
        if "id" in row:
            return PlainPicture(row["id"], row["width"], row["height"], row["alpha"])
        if "heavy" in row:
            return self._too_heavy()
        if "system" in row:
            return StorageError("error.input_system", reason=row["reason"])
        message = Message.from_json(row["message"])
        kind = _KINDS.get(row["error"])
        return kind(message.key, **dict(message.values)) if kind else InvalidRequest(message)

    def _too_heavy(self) -> InvalidRequest:
        return InvalidRequest(Message("error.input_heavy", {"seconds": self._seconds}))
