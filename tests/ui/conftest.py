"""A real server on a port with the starter model, and a real Chromium that looks at it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.ui.studio import Studio

START_SECONDS = 120
"""A safety net for a busy machine; nothing waits for it in normal runs."""


@pytest.fixture(scope="package")
def server_url(
    tmp_path_factory: pytest.TempPathFactory, starter_models: Path, repository: Path
) -> Iterator[str]:
    """Starts the server as its users do and waits for its form."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = tmp_path_factory.mktemp("data")
    log = data / "console.txt"
    command = [
        *(sys.executable, "-m", "webui.cli", "serve", "--no-browser", "--port", str(port)),
        *("--data-dir", str(data / "folder"), "--models-dir", str(starter_models)),
    ]
    with log.open("w") as console:
        server = subprocess.Popen(command, cwd=repository, stdout=console, stderr=console)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for_form(url, server, log)
        yield url
    finally:
        server.terminate()
        server.wait(60)


def _wait_for_form(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            with urlopen(url, timeout=5) as answer:
                if b"ink-data" in answer.read():
                    return
        except OSError:
            pass
        time.sleep(0.1)
    pytest.fail(f"the server shows no form: {log.read_text()}")


@pytest.fixture(scope="package")
def browser(chromium_path: str, chromium_flags: list[str]) -> Iterator[Browser]:
    """Closed with this package: playwright occupies the thread's event loop while it lives."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium_path, args=chromium_flags)
        yield found
        found.close()


@pytest.fixture
def open_studio(browser: Browser, server_url: str) -> Iterator[Callable[..., Studio]]:
    """Opens pages, each in a fresh browser profile.

    At the end: no job is left, nothing was asked of another host, and the console is clean.
    """
    studios: list[Studio] = []

    def open_one(lang: str = "en-US", size: tuple[int, int] = (1280, 800)) -> Studio:
        studio = Studio.open(browser, server_url, lang, size)
        studios.append(studio)
        return studio

    yield open_one
    complaints = [complaint for studio in studios for complaint in studio.complaints]
    for studio in studios:
        studio.cancel_all()
        studio.page.context.close()
    assert complaints == []


@pytest.fixture
def studio(open_studio: Callable[..., Studio]) -> Studio:
    """An English page at 1280 × 800."""
    return open_studio()
