"""The page as tests use it: fields by name, buttons by id, the server by its own API."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

PATIENCE = 60_000
"""Milliseconds that a test waits for a picture on a busy machine."""

POLL = 50
"""Milliseconds between two looks at the store."""

expect.set_options(timeout=PATIENCE)

LONG = {"steps": "150", "batch_count": "40"}
"""A job that is still running when the test has done what it wants to do with it."""


class Studio:
    """One browser page with the user interface in it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._request)

    @classmethod
    def open(cls, browser: Browser, url: str, lang: str, size: tuple[int, int]) -> Studio:
        width, height = size
        context = browser.new_context(locale=lang, viewport={"width": width, "height": height})
        studio = cls(context.new_page(), url)
        studio.page.goto(url)
        studio.ready()
        return studio

    def ready(self) -> None:
        """Waits until the form can be used."""
        self.page.wait_for_selector('body[data-ready="1"]')

    def reload(self) -> None:
        self.page.reload()
        self.ready()

    def field(self, name: str) -> Locator:
        """The control of a request field."""
        kinds = ("textarea", "select", "input:not([type=range])")
        return self.page.locator(", ".join(f"#ink-{name} {kind}" for kind in kinds)).first

    def fill(self, **values: str) -> None:
        for name, value in values.items():
            self.field(name).fill(value)

    def choose(self, name: str, value: str) -> None:
        self.field(name).click()
        self.page.get_by_role("option", name=value, exact=True).click()

    def values(self, *names: str) -> list[str]:
        return [self.field(name).input_value() for name in names]

    def press(self, name: str) -> None:
        """Clicks the button with the id `ink-NAME`."""
        self.page.locator(f"#ink-{name}").click()

    def generate(self, **values: str) -> None:
        self.fill(**values)
        self.press("generate")

    def draw(self, **values: str) -> str:
        """Generates, waits for the pictures, and returns their job's id.

        It looks at the store: a small job may run for less time than a page is looked at.
        """
        known = {picture["id"] for picture in self.pictures()}
        self.generate(**values)
        for _ in range(PATIENCE // POLL):
            newest = next(iter(self.pictures()), {"id": ""})
            if newest["id"] not in {"", *known} and not self.active_jobs():
                picture = self.page.locator(f'#ink-gallery img[data-picture="{newest["id"]}"]')
                expect(picture).to_be_visible()
                self.idle()
                return str(newest["job_id"])
            self.page.wait_for_timeout(POLL)
        raise AssertionError("no picture came")

    def get(self, path: str, **parameters: Any) -> Any:
        """An answer of the server's API."""
        answer = self.page.request.get(self.url + path, params=parameters)
        assert answer.ok, answer.text()
        return answer.json()

    def active_jobs(self) -> list[dict[str, Any]]:
        jobs = self.get("/api/jobs", scope="all")["jobs"]
        return [job for job in jobs if job["state"] in ("queued", "running")]

    def pictures(self) -> list[dict[str, Any]]:
        return list(self.get("/api/pictures", page=1, size=100)["items"])

    def forgive(self, status: str) -> None:
        """Forgets what the browser wrote about an answer that the test asked for."""
        self.complaints[:] = [text for text in self.complaints if status not in text]

    def cancel_all(self) -> None:
        for job in reversed(self.active_jobs()):
            self.page.request.post(f"{self.url}/api/jobs/{job['id']}/cancel", data={})
        for _ in range(PATIENCE // POLL):
            if not self.active_jobs():
                return
            self.page.wait_for_timeout(POLL)
        raise AssertionError("a cancelled job does not end")

    def running_job(self) -> str:
        """Waits until a job of mine runs; its id."""
        expect(self.page.locator("#ink-progress")).to_have_attribute("data-state", "running")
        return self.page.locator("#ink-progress").get_attribute("data-job") or ""

    def idle(self) -> None:
        expect(self.page.locator("#ink-progress")).to_have_attribute("data-state", "idle")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https") and address.netloc != urlsplit(self.url).netloc:
            self.complaints.append(f"asked another host: {request.url}")
