"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

PART = ".part"
"""Ending of the name under which a file is written before it gets its own."""


def part_of(path: Path) -> Path:
    """The name under which `path` is written."""
    return path.with_name(path.name + PART)


def write_whole(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Writes `data` aside, renames it to `path`, and leaves nothing behind when that fails.

    `durable`: it also survives a power cut, once this returns.

    Raises:
        OSError: disk full, read-only and the like.
    """
    part = part_of(path)
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    if durable:
        _sync_folder(path.parent)


def place_whole(part: Path, path: Path) -> None:
    """Renames the file `part`, which is written and synced, to `path`; that survives a power cut.

    Raises:
        OSError: as said by the system.
    """
    part.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return  # Windows has no way to sync a folder; its journal keeps renames in order
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
