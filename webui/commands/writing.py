"""Pictures as files, never half of one under its name."""

from __future__ import annotations

import os
from pathlib import Path

from webui.core.errors import StorageError
from webui.services.formats import format_of
from webui.services.picture_files import PictureFile


def put(file: PictureFile, path: Path) -> Path:
    """Writes the picture aside and renames it; returns its path.

    A suffix of another format than the picture's gives way to the right one.

    Raises:
        StorageError: the system refused.
    """
    if format_of(path.suffix) != file.format:
        path = path.with_suffix(f".{file.format}")
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.write_bytes(file.data)
        aside.replace(path)
    except OSError as fault:
        aside.unlink(missing_ok=True)
        raise StorageError("error.write", path=str(path), reason=fault.strerror) from fault
    return path
