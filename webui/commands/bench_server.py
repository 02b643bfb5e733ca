"""A server to measure: started as people start it, asked as programs ask it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psutil

from webui.commands.paths import LAUNCHER
from webui.core.errors import InkstoneError

HOST = "127.0.0.1"
PATIENCE = 120
"""Seconds after which a measurement is given up."""

POLL = 0.01


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        number: int = listener.getsockname()[1]
        return number


@contextmanager
def server(port: int, data_dir: Path, models_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command that people type, in a process of its own."""
    command = [sys.executable, str(LAUNCHER), "serve", "--no-browser", "--port", str(port)]
    command += ["--data-dir", str(data_dir), "--models-dir", str(models_dir)]
    with (data_dir / "bench.log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield child
        finally:
            family = psutil.Process(child.pid).children(recursive=True)
            child.terminate()
            for process in psutil.wait_procs([psutil.Process(child.pid), *family], timeout=15)[1]:
                process.kill()


def wait_for_port(port: int, child: subprocess.Popen[bytes]) -> float:
    """The moment at which the port answered a request.

    Raises:
        InkstoneError: it never did, or the server ended.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and child.poll() is None:
        try:
            ask(port, "GET", "/")
        except (OSError, HTTPException):
            time.sleep(POLL)
        else:
            return time.monotonic()
    raise InkstoneError("error.bench_server", seconds=PATIENCE, reason=str(child.poll()))


def ask(port: int, method: str, path: str, body: Any = None) -> Any:
    """One request to the server; the parsed answer where it is JSON, else its bytes."""
    connection = HTTPConnection(HOST, port, timeout=PATIENCE)
    try:
        headers = {"Content-Type": "application/json", "Origin": f"http://{HOST}:{port}"}
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, headers)
        answer = connection.getresponse()
        data = answer.read()
        return json.loads(data) if "json" in (answer.getheader("Content-Type") or "") else data
    finally:
        connection.close()


def server_process(child: subprocess.Popen[bytes]) -> psutil.Process:
    """The server itself, which may be the launcher's child.

    Raises:
        InkstoneError: it is not there.
    """
    launcher = psutil.Process(child.pid)
    for process in (launcher, *launcher.children(recursive=True)):
        arguments = process.cmdline()
        if "webui.cli" in arguments and "serve" in arguments:
            return process
    raise InkstoneError("error.bench_server", seconds=PATIENCE, reason=str(child.poll()))
