"""A small table in memory and in a JSON file of the data folder: what was learned of files."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from webui.services.files import write_whole

Value = TypeVar("Value")

_log = logging.getLogger(__name__)


class Remembered(Generic[Value]):
    """Values by path, each good for one state (`stamp`) of its file. Thread-safe.

    A file that is missing, damaged or of another version is an empty table; one that cannot be
    written costs time only.
    """

    def __init__(self, file: Path | None, kind: object, version: str) -> None:
        """`file` None keeps the table in memory alone. `kind`: the type of the values.

        `version`: values learned by another way of looking are forgotten.
        """
        self._file = file
        self._version = version
        self._adapter: TypeAdapter[dict[str, dict[str, tuple[str, Value]]]] = TypeAdapter(
            dict[str, dict[str, tuple[str, kind]]]  # type: ignore[valid-type]
        )
        self._lock = threading.Lock()
        self._rows = self._read()
        self._changed = False

    def get(self, path: Path, stamp: str) -> Value | None:
        """What is known of this state of a file."""
        row = self._rows.get(str(path))
        return row[1] if row and row[0] == stamp else None

    def put(self, path: Path, stamp: str, value: Value) -> None:
        """Keeps a value; `save` writes it."""
        with self._lock:
            self._rows[str(path)] = (stamp, value)
            self._changed = True

    def save(self) -> None:
        """Writes the table, if it has a file and has changed."""
        with self._lock:
            if self._file is None or not self._changed:
                return
            data = self._adapter.dump_json({self._version: self._rows})
            self._changed = False
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._file, data)
        except OSError as error:
            _log.warning("%s was not written: %s", self._file, error)

    def _read(self) -> dict[str, tuple[str, Value]]:
        if self._file is None:
            return {}
        try:
            return self._adapter.validate_json(self._file.read_bytes()).get(self._version, {})
        except (OSError, ValidationError):
            return {}
