"""Measures the product as a person meets it: from the command to the first picture on screen."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from playwright.sync_api import Page, sync_playwright

from webui.commands.bench_api import measure_api
from webui.commands.bench_server import (
    HOST,
    PATIENCE,
    ask,
    free_port,
    server,
    server_process,
    wait_for_port,
)
from webui.commands.browsers import FLAGS, installed_chromium

SAMPLES = 300
MEGABYTE = 10**6
LONG_JOB = {"prompt": "a cat", "steps": 150, "batch_count": 100}


@dataclass(frozen=True)
class ProductFigures:
    """Seconds count from the command; None where no Chromium was there to look.

    `memory` is the server process's resident memory in megabytes after the first picture;
    the page times are in milliseconds, of an unrelated request while pictures are drawn. For the
    last three see `webui.commands.bench_api`.
    """

    port: float
    form: float | None
    picture: float | None
    memory: float
    page_p50: float
    page_p95: float
    page_max: float
    rest_extra: float
    idle_browsers: float
    history_page: float


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
            memory = server_process(child).memory_info().rss / MEGABYTE
    cuts = quantiles(times, n=20)
    api = measure_api(models_dir)
    return ProductFigures(
        port=answered,
        form=form,
        picture=picture,
        memory=memory,
        page_p50=cuts[9],
        page_p95=cuts[18],
        page_max=max(times),
        rest_extra=api.rest_extra,
        idle_browsers=api.idle_browsers,
        history_page=api.history_page,
    )


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
