"""What API clients set once and for all: defaults for the requests of their owner, kept on disk."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from webui.core.errors import StorageError
from webui.services.files import write_whole

FILE_NAME = "api-options.json"


class OptionStore:
    """Settings by owner. Thread-safe; what they mean, `webui.services.compat.options` says."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._owners = _read(path)

    def of(self, owner: str) -> Mapping[str, Any]:
        """The settings that this owner changed."""
        with self._lock:
            return dict(self._owners.get(owner, {}))

    def change(self, owner: str, settings: Mapping[str, Any]) -> None:
        """Remembers these settings beside those from before; null goes back to the default.

        Raises:
            StorageError: the file cannot be written; then nothing changed.
        """
        if not settings:
            return
        with self._lock:
            mine = {**self._owners.get(owner, {}), **settings}
            mine = {key: value for key, value in mine.items() if value is not None}
            owners = {**self._owners, owner: mine}
            try:
                write_whole(self._path, json.dumps(owners, indent=2).encode())
            except OSError as error:
                reason = error.strerror or str(error)
                raise StorageError(
                    "error.read_only", path=self._path.name, reason=reason
                ) from error
            self._owners = owners


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """The file; a damaged one counts as none, since clients can set everything anew."""
    try:
        owners = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(owners, dict):
        return {}
    return {str(name): mine for name, mine in owners.items() if isinstance(mine, dict)}
