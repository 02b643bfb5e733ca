"""Commands to a worker, read beside its drawing."""

from __future__ import annotations

import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue

from webui.core.events import (
    CancelJob,
    Preload,
    RunJob,
    SkipPictures,
    Stop,
    Unload,
    Upscale,
    WorkerCommand,
)


class Inbox:
    """Reads commands beside the drawing, so that "cancel" and "skip" are seen in mid-job."""

    def __init__(self, connection: Connection) -> None:
        self.commands: SimpleQueue[Preload | RunJob | Upscale | Unload | Stop] = SimpleQueue()
        self._connection = connection
        self._lock = threading.Lock()
        self._waiting: set[str] = set()
        self._cancelled: set[str] = set()
        self._skipped: set[str] = set()

    def start(self) -> None:
        """Begins to read, in a thread that ends with the process."""
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def cancelled(self, job_id: str) -> bool:
        """Whether the job is to stop."""
        return job_id in self._cancelled

    def take_skip(self, job_id: str) -> bool:
        """Whether the current batch is to be given up; asking answers the wish."""
        with self._lock:
            wanted = job_id in self._skipped
            self._skipped.discard(job_id)
        return wanted

    def finish(self, job_id: str) -> None:
        """Forgets the job: what is still said about it comes too late."""
        with self._lock:
            for names in (self._waiting, self._cancelled, self._skipped):
                names.discard(job_id)

    def _read(self) -> None:
        try:
            while True:
                self._take(self._connection.recv())
        except (EOFError, OSError):
            pass  # the other end is closed: the usual way to end
        finally:
            with self._lock:
                self._cancelled |= self._waiting
            self.commands.put(Stop())

    def _take(self, command: WorkerCommand) -> None:
        with self._lock:
            if isinstance(command, CancelJob):
                self._cancelled |= {command.job_id} & self._waiting
            elif isinstance(command, SkipPictures):
                self._skipped |= {command.job_id} & self._waiting
            else:
                if isinstance(command, (RunJob, Upscale)):
                    self._waiting.add(command.job_id)
                self.commands.put(command)
