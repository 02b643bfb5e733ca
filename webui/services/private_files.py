"""Files that only the server's user may read."""

from __future__ import annotations

import os
from pathlib import Path

from webui.core.errors import StorageError


def write_private(file: Path, content: bytes) -> None:
    """Writes a file that only this user may read, all of it or nothing.

    Raises:
        StorageError: the folder cannot be written.
    """
    aside = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        aside.unlink(missing_ok=True)
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            handle.write(content)
        aside.replace(file)
    except OSError as error:
        raise StorageError("error.read_only", path=str(file), reason=str(error)) from error
