"""A real server process on a port of its own, as `python app.py serve` starts it."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
PATIENCE = 120.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class RunningServer:
    """Started at once; `ready()` waits until the user interface answers."""

    def __init__(self, data_dir: Path, *options: str, models_dir: Path | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data_dir = data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        self.log = data_dir.parent / f"console-{self.port}.txt"
        models = ["--models-dir", str(models_dir)] if models_dir else []
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "webui.cli", "serve", "--no-browser",
                    "--port", str(self.port), "--data-dir", str(data_dir), *models, *options,
                ],
                cwd=REPOSITORY,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "LANG": "C.UTF-8"},
            )  # fmt: skip

    def console(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def ask(
        self,
        path: str,
        body: Any = None,
        *,
        method: str | None = None,
        auth: str | None = None,
        **headers: str,
    ) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        sent = {
            "accept": "application/json",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        if data is not None:
            sent.setdefault("content-type", "application/json")
        if auth:
            sent["authorization"] = "Basic " + base64.b64encode(auth.encode()).decode()
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return Answer(answer.status, _lower(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, _lower(error.headers), error.read())

    def ready(self, auth: str | None = None) -> RunningServer:
        def up() -> bool:
            try:
                return self.ask("/api/session", auth=auth).status == 200
            except urllib.error.URLError:
                assert self.process.poll() is None, self.console()
                return False

        wait_for(up)
        return self

    def submit(self, **values: Any) -> Any:
        answer = self.ask("/api/jobs", {"steps": 4, "width": 128, "height": 128, **values})
        assert answer.status == 200, answer.body
        return answer.json

    def job(self, job_id: str) -> Any:
        return self.ask(f"/api/jobs/{job_id}").json

    def finished(self, job_id: str) -> Any:
        wait_for(lambda: self.job(job_id)["state"] not in ("queued", "running"))
        return self.job(job_id)

    def worker_pids(self) -> list[int]:
        import psutil

        children = psutil.Process(self.process.pid).children()
        return [c.pid for c in children if "worker" in c.cmdline()]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=PATIENCE)


def wait_for(condition: Any, patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@contextmanager
def running(data_dir: Path, *options: str, **more: Any) -> Iterator[RunningServer]:
    server = RunningServer(data_dir, *options, **more)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
