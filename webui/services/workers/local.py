"""The default pool: one process per device on this machine."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import webui
from webui.core.errors import Message
from webui.core.events import Stop, WorkerCommand, WorkerReady
from webui.core.memory_levels import MemoryLevel
from webui.services.workers.process import WorkerProcess
from webui.services.workers.protocol import (
    PoolListener,
    WorkerDied,
    WorkerId,
    WorkerStarting,
)

WORKER_COMMAND = (sys.executable, "-m", "webui.cli", "worker")

BACK_OFF = (0.0, 1.0, 5.0, 15.0, 30.0)
"""Seconds before the 1st, 2nd, … restart in a row; the last one holds for all that follow."""

STABLE_SECONDS = 60.0
"""A process that lived that long ends the row."""

MAX_FAILED_STARTS = 5
"""After so many in a row people are told, and the next ones come far apart."""

GIVEN_UP_SECONDS = 60.0
CLOSE_SECONDS = 10.0
EXIT_SECONDS = 1.0
"""How long a process may take to end after it closed its pipe."""

_log = logging.getLogger(__name__)


def worker_command(level: MemoryLevel) -> tuple[str, ...]:
    """What a process runs that is to be so sparing with memory."""
    return (*WORKER_COMMAND, "--memory-level", level)


@dataclass(frozen=True)
class LocalPoolOptions:
    """How many processes there are, what each runs, and how long to wait between restarts."""

    size: int = 1
    command: Sequence[str] = WORKER_COMMAND
    back_off: Sequence[float] = BACK_OFF
    given_up_pause: float = GIVEN_UP_SECONDS


class LocalPool:
    """A `WorkerPool` of processes that are restarted when they die. Thread-safe."""

    def __init__(self, data_dir: Path, options: LocalPoolOptions | None = None) -> None:
        """Logs go to `data_dir`/logs."""
        self._options = options or LocalPoolOptions()
        self._closing = threading.Event()
        self._slots = [
            _Slot(slot, data_dir / "logs" / f"worker-{slot}.log", self._options, self._closing)
            for slot in range(self._options.size)
        ]

    @property
    def size(self) -> int:
        """How many processes there are to be."""
        return self._options.size

    def start(self, listener: PoolListener) -> None:
        """Starts all processes; returns at once."""
        for slot in self._slots:
            slot.start(listener)

    def send(self, worker: WorkerId, command: WorkerCommand) -> bool:
        """Gives a command to that very process; False when it is gone."""
        return self._slots[worker.slot].send(worker, command)

    def close(self) -> None:
        """Asks all processes to stop; ends those that have not after ten seconds."""
        self._closing.set()
        for slot in self._slots:
            slot.stop()
        deadline = time.monotonic() + CLOSE_SECONDS
        for slot in self._slots:
            slot.join(deadline)


class _Slot:
    """One place in the pool: a thread that starts a process, reads it, and starts the next."""

    def __init__(
        self, number: int, log: Path, options: LocalPoolOptions, closing: threading.Event
    ) -> None:
        self._worker = WorkerId(number, 0)
        self._log = log
        self._options = options
        self._closing = closing
        self._lock = threading.Lock()
        self._process: WorkerProcess | None = None
        self._thread: threading.Thread | None = None

    def start(self, listener: PoolListener) -> None:
        self._thread = threading.Thread(
            target=self._run, args=(listener,), name=self._log.stem, daemon=True
        )
        self._thread.start()

    def send(self, worker: WorkerId, command: WorkerCommand) -> bool:
        with self._lock:
            process = self._process if worker == self._worker else None
        return process is not None and process.send(command)

    def stop(self) -> None:
        with self._lock:
            process = self._process
        # A process that is not connected yet cannot be told; nothing is lost by ending it.
        if process and not process.send(Stop()):
            process.end()

    def join(self, deadline: float) -> None:
        with self._lock:
            process = self._process
        if process:
            process.end(max(deadline - time.monotonic(), 0.0))
        if self._thread:
            self._thread.join()

    def _run(self, listener: PoolListener) -> None:
        failed_starts = deaths = 0
        while not self._closing.is_set():
            with self._lock:
                self._worker = WorkerId(self._worker.slot, self._worker.launch + 1)
            listener(self._worker, WorkerStarting())
            started = time.monotonic()
            ready, exit_code, tail = self._live(listener)
            failed_starts = 0 if ready else failed_starts + 1
            deaths = 1 if time.monotonic() - started > STABLE_SECONDS else deaths + 1
            given_up = failed_starts >= MAX_FAILED_STARTS
            message = _failure(failed_starts, self._log, tail) if given_up else None
            restarting = not (given_up or self._closing.is_set())
            level = logging.WARNING if restarting or given_up else logging.INFO
            _log.log(level, "worker %s ended with %s", self._worker.slot, exit_code)
            listener(self._worker, WorkerDied(exit_code, restarting, message))
            back_off = self._options.back_off
            pause = back_off[min(deaths, len(back_off)) - 1]
            # What keeps it from starting may be mended meanwhile: a driver, a full disk.
            self._closing.wait(self._options.given_up_pause if given_up else pause)

    def _live(self, listener: PoolListener) -> tuple[bool, int | None, str]:
        """Runs one process to its end: whether it was ever ready, its exit code and last words."""
        try:
            process = WorkerProcess(self._options.command, self._environment(), self._log)
        except OSError as error:
            return False, None, str(error)
        with self._lock:
            self._process = process
        if self._closing.is_set():  # `close` may have come too early to find this process
            process.end()
        ready = False
        if process.connect():
            while (event := process.receive()) is not None:
                ready = ready or isinstance(event, WorkerReady)
                listener(self._worker, event)
        with self._lock:
            self._process = None
        exit_code = process.end(EXIT_SECONDS)
        process.release()
        return ready, exit_code, process.log_tail()

    def _environment(self) -> dict[str, str]:
        root = str(Path(webui.__file__).resolve().parent.parent)
        path = os.environ.get("PYTHONPATH")
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, path] if path else [root])}
        if self._options.size > 1:
            devices = [d for d in env.get("CUDA_VISIBLE_DEVICES", "").split(",") if d]
            slot = self._worker.slot
            env["CUDA_VISIBLE_DEVICES"] = devices[slot] if slot < len(devices) else str(slot)
        return env


def _failure(attempts: int, log: Path, tail: str) -> Message:
    return Message("error.worker_failed", {"attempts": attempts, "log": str(log), "tail": tail})
