"""One instance per data folder, by a lock of the operating system.

The system drops the lock when the process ends in any way, so nothing is left behind by
`kill -9` and there is no stale lock to remove by hand.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from webui.core.errors import StorageError
from webui.services.storage_errors import storage_errors

FILE_NAME = "inkstone.lock"

if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE = 1 << 30  # far behind the text, which others must be able to read

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class DataLock:
    """Holds the data folder for this process until `release`."""

    def __init__(self, folder: Path) -> None:
        """Takes the lock.

        Raises:
            StorageError: another process holds the folder, or nothing can be written there.
        """
        path = folder / FILE_NAME
        with storage_errors(folder):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _try_lock(self._descriptor):
            holder = os.pread(self._descriptor, 32, 0) if hasattr(os, "pread") else b""
            os.close(self._descriptor)
            raise StorageError(
                "error.data_dir_in_use",
                path=str(folder),
                pid=holder.decode("ascii", "replace").strip() or "?",
            )
        with contextlib.suppress(OSError):  # the lock holds without the text, too
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, f"{os.getpid()}\n".encode("ascii"))

    def release(self) -> None:
        """Gives the folder free; does nothing the second time."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
