"""Measures the product as a person meets it: from the command to the first picture on screen."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil
from playwright.sync_api import Page, sync_playwright

from webui.commands.browsers import FLAGS, installed_chromium
from webui.commands.paths import LAUNCHER
from webui.core.errors import InkstoneError

HOST = "127.0.0.1"
PATIENCE = 120
"""Seconds after which a measurement is given up."""

POLL = 0.01
SAMPLES = 300
MEGABYTE = 10**6
LONG_JOB = {"prompt": "a cat", "steps": 150, "batch_count": 100}


@dataclass(frozen=True)
class ProductFigures:
    """Seconds count from the command; None where no Chromium was there to look.

    `memory` is the server process's resident memory in megabytes after the first picture;
    the page times are in milliseconds, of an unrelated request while pictures are drawn.
    """

    port: float
    form: float | None
    picture: float | None
    memory: float
    page_p50: float
    page_p95: float
    page_max: float


def measure(models_dir: Path) -> ProductFigures:
    """Starts a server with an empty data folder, uses it, and stops it.

    Raises:
        InkstoneError: it did not answer.
    """
    form = picture = None
    with tempfile.TemporaryDirectory(prefix="inkstone-bench-") as data_dir, browsing() as page:
        port = free_port()
        start = time.monotonic()
        with server(port, Path(data_dir), models_dir) as child:
            answered = wait_for_port(port, child) - start
            if page is not None:
                form = wait_for_form(page, port) - start
                picture = wait_for_picture(page) - start
            times = page_times(port)
            memory = server_memory(child) / MEGABYTE
    cuts = quantiles(times, n=20)
    return ProductFigures(
        port=answered,
        form=form,
        picture=picture,
        memory=memory,
        page_p50=cuts[9],
        page_p95=cuts[18],
        page_max=max(times),
    )


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


@contextmanager
def browsing() -> Iterator[Page | None]:
    """A page of a headless Chromium, started beforehand; None when there is none."""
    path = installed_chromium()
    if not path:
        yield None
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        page = browser.new_page(locale="en-US")
        page.set_default_timeout(PATIENCE * 1000)
        yield page
        browser.close()


def wait_for_form(page: Page, port: int) -> float:
    """The moment at which the form can be used."""
    page.goto(f"http://{HOST}:{port}/")
    page.wait_for_selector('body[data-ready="1"]')
    return time.monotonic()


def wait_for_picture(page: Page) -> float:
    """Asks for a picture with the form's own settings, 20 steps; the moment it is on screen."""
    page.fill("#ink-prompt textarea", "a red apple")
    page.click("#ink-generate")
    page.wait_for_function(
        "() => [...document.querySelectorAll('#ink-gallery img')]"
        ".some(image => image.complete && image.naturalWidth > 0)"
    )
    return time.monotonic()


def page_times(port: int) -> list[float]:
    """Milliseconds that an unrelated request takes while pictures are drawn."""
    job = ask(port, "POST", "/api/jobs", LONG_JOB)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and state_of(port, job["id"]) != "running":
        time.sleep(0.1)
    time.sleep(2)  # the model is loaded and the first steps are done
    times = []
    for _ in range(SAMPLES):
        start = time.monotonic()
        ask(port, "GET", "/api/session")
        times.append((time.monotonic() - start) * 1000)
        time.sleep(0.02)
    ask(port, "POST", f"/api/jobs/{job['id']}/cancel", {})
    return times


def state_of(port: int, job_id: str) -> str:
    """The job's state as the server tells it."""
    jobs = ask(port, "GET", "/api/jobs?scope=mine")
    rows = jobs["jobs"] if isinstance(jobs, dict) else jobs
    return next((row["state"] for row in rows if row["id"] == job_id), "")


def server_memory(child: subprocess.Popen[bytes]) -> int:
    """Resident bytes of the server process, which may be the launcher's child."""
    launcher = psutil.Process(child.pid)
    for process in (launcher, *launcher.children(recursive=True)):
        arguments = process.cmdline()
        if "webui.cli" in arguments and "serve" in arguments:
            resident: int = process.memory_info().rss
            return resident
    return 0
