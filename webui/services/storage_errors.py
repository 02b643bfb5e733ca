"""Turns what the disk and the database say into a `StorageError` that a person understands."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from webui.core.errors import StorageError

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_NOT_A_FOLDER = {errno.ENOTDIR, errno.EEXIST}

# SQLite's own sentences: Python 3.10 does not hand on its error codes.
_SAYINGS = (
    ("disk is full", "error.disk_full"),
    ("readonly database", "error.read_only"),
    ("unable to open database file", "error.read_only"),
    ("not a database", "error.data_corrupt"),
    ("malformed", "error.data_corrupt"),
)


def storage_error(error: OSError | DBAPIError, path: Path) -> StorageError:
    """The error to show for what went wrong at `path`; names the path and the reason."""
    if isinstance(error, OSError):
        return StorageError(
            _key_of(error), path=str(path), reason=error.strerror or type(error).__name__
        )
    reason = str(error.orig)
    key = next((key for saying, key in _SAYINGS if saying in reason), "error.storage_failed")
    return StorageError(key, path=str(path), reason=reason)


def _key_of(error: OSError) -> str:
    if error.errno in _FULL:
        return "error.disk_full"
    if error.errno in _READ_ONLY:
        return "error.read_only"
    if error.errno in _NOT_A_FOLDER:
        return "error.not_a_folder"
    return "error.storage_failed"


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Raises the body's disk and database errors as `StorageError` about `path`."""
    try:
        yield
    except (OSError, DBAPIError) as error:
        raise storage_error(error, path) from error
