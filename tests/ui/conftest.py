"""A real server on a port with the starter model, and a real Chromium that looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.running_server import running
from tests.ui.studio import Studio


@pytest.fixture(scope="package")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Starts the server as its users do and waits for its form."""
    with running(tmp_path_factory.mktemp("ui") / "data") as server:
        yield server.ready().url


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
