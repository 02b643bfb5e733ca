"""One worker process and the pipe to it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pickle
import secrets
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path

from webui.core.events import WorkerCommand, WorkerEvent
from webui.services.workers.wire import read_event

LOG_BYTES = 2**20
"""A log that is larger when a process starts is moved aside."""

TAIL_BYTES = 2000
KILL_SECONDS = 3.0

_log = logging.getLogger(__name__)


class WorkerProcess:
    """A started process. It gets the pipe's address and key as one JSON line on its stdin.

    The process ends itself when the pipe breaks, so it does not outlive a killed server.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        """Starts the process, its output going to `log`.

        Raises:
            OSError: the program or the log cannot be opened.
        """
        self._log = log
        self._key = secrets.token_bytes(32)
        self._connection: Connection | None = None
        self._send_lock = threading.Lock()
        _rotate(log)
        self._log_start = log.stat().st_size if log.exists() else 0
        self._listener = Listener(None, authkey=self._key)
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    env=dict(env),
                    # Ctrl+C in the terminal is for the server; it stops its workers in order.
                    start_new_session=sys.platform != "win32",
                    creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
                )
        except OSError:
            self._listener.close()
            raise

    @property
    def pid(self) -> int:
        """The system's number of the process."""
        return self._process.pid

    def connect(self) -> bool:
        """Waits for the process to connect. False when it ended instead."""
        address = self._listener.address
        greeting = {"address": address, "key": self._key.hex()}
        stdin = self._process.stdin
        try:
            if stdin:
                stdin.write(json.dumps(greeting).encode("ascii") + b"\n")
                stdin.flush()
            threading.Thread(target=self._unblock_accept, args=(address,), daemon=True).start()
            connection = self._accept()
        except OSError as error:
            _log.warning("worker %s did not connect: %s", self.pid, error)
            return False
        finally:
            self._listener.close()
        with self._send_lock:
            self._connection = connection
        return self._process.poll() is None

    def _accept(self) -> Connection:
        while True:
            with contextlib.suppress(AuthenticationError):
                return self._listener.accept()

    def _unblock_accept(self, address: str) -> None:
        """Knocks at our own door when the process ends early: `accept` knows no time limit."""
        self._process.wait()
        with contextlib.suppress(OSError, EOFError, AuthenticationError):
            Client(address, authkey=self._key).close()

    def receive(self) -> WorkerEvent | None:
        """The next event; None when the process is gone."""
        if self._connection is None:
            return None
        try:
            return read_event(self._connection.recv_bytes())
        except (EOFError, OSError):
            return None
        except pickle.UnpicklingError:
            _log.exception("worker %s sent what is not an event; it is ended", self.pid)
            return None

    def send(self, command: WorkerCommand) -> bool:
        """Sends a command; False when nobody is there to take it."""
        with self._send_lock:
            if self._connection is None:
                return False
            try:
                self._connection.send(command)
            except (OSError, ValueError):
                return False
        return True

    def end(self, patience: float = 0.0) -> int | None:
        """Waits `patience` seconds for the process to end, then ends it. Its exit code."""
        for force in (None, self._process.terminate, self._process.kill):
            if force:
                with contextlib.suppress(OSError):
                    force()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(KILL_SECONDS if force else patience)
                break
        return self._process.poll()

    def release(self) -> None:
        """Closes our ends of the pipes, after the last `receive`."""
        with self._send_lock:
            if self._connection:
                self._connection.close()
                self._connection = None
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def log_tail(self) -> str:
        """The end of what this process wrote."""
        try:
            with self._log.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(self._log_start, size - TAIL_BYTES))
                return file.read().decode("utf-8", "replace").strip()
        except OSError:
            return ""


def _rotate(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".1.log"))
