"""Logging in, and what a person sees when a disk, a model or the server itself fails."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.running_server import RunningServer, running
from tests.ui.studio import PATIENCE

STEPS = "4"


def opened(browser: Browser, url: str, lang: str = "en-US") -> Page:
    page = browser.new_context(locale=lang, viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    return page


def logged_in(browser: Browser, server: RunningServer, name: str, password: str) -> Page:
    page = opened(browser, server.url)
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", password)
    page.click("button")
    page.wait_for_selector('body[data-ready="1"]')
    return page


def draw(page: Page, prompt: str, **fields: str) -> None:
    page.fill("#ink-prompt textarea", prompt)
    for name, value in {"steps": STEPS, **fields}.items():
        page.fill(f"#ink-{name} input", value)
    page.click("#ink-generate")


def test_two_people_share_a_server(browser: Browser, tmp_path: Path) -> None:
    with running(tmp_path / "data", "--auth", "ann:a:b", "--auth", "bob:b") as server:
        server.ready("bob:b")
        wrong = opened(browser, server.url)
        wrong.fill("input[name=name]", "bob")
        wrong.fill("input[name=password]", "a:b")
        wrong.click("button")
        expect(wrong.get_by_role("alert")).to_be_visible()

        ann, bob = logged_in(browser, server, "ann", "a:b"), logged_in(browser, server, "bob", "b")
        draw(ann, "a secret cat", steps="150", batch_count="20")
        expect(ann.locator("#ink-queue li")).to_have_count(1)
        bob.locator("#ink-queue-scope button[data-value=all]").click()
        job = bob.locator("#ink-queue li")
        expect(job).to_have_count(1)
        expect(job).not_to_contain_text("secret")
        expect(job.locator("button")).to_have_count(0)
        draw(bob, "a dog")
        ann.locator("#ink-queue-scope button[data-value=all]").click()
        ann.locator("#ink-queue li", has_text="secret").locator("button").click()
        expect(bob.locator("#ink-gallery img")).to_have_count(1)
        expect(ann.locator("#ink-gallery img")).to_have_count(0)
        bob.click("#ink-leave")
        bob.wait_for_url("**/login")
        assert server.ask("/api/session").status == 401


def test_a_picture_that_cannot_be_saved_is_shown_with_the_reason(
    browser: Browser, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "outputs").write_text("a file where the folder should be")
    with running(data) as server:
        page = opened(browser, server.ready().url, "zh-CN")
        page.wait_for_selector('body[data-ready="1"]')
        draw(page, "a cat")
        expect(page.locator("#ink-gallery img").first).to_be_visible()
        expect(page.locator("#ink-unsaved")).to_contain_text("outputs")
        loaded = page.locator("#ink-gallery img").first.evaluate("i => i.decode().then(() => true)")
        assert loaded


def test_a_damaged_model_is_named_and_the_form_kept(
    browser: Browser, tmp_path: Path, starter_models: Path
) -> None:
    models = tmp_path / "models"
    for place in (models / "starter", models / "checkpoints" / "damaged"):
        shutil.copytree(starter_models / "starter", place)
    config = models / "checkpoints" / "damaged" / "unet" / "config.json"
    config.write_text("{")
    with running(tmp_path / "data", models_dir=models) as server:
        page = opened(browser, server.ready().url)
        page.wait_for_selector('body[data-ready="1"]')
        draw(page, "a cat")
        expect(page.locator("#ink-banner")).to_contain_text("unet/config.json")
        expect(page.locator("#ink-prompt textarea")).to_have_value("a cat")


def test_the_page_finds_a_server_that_was_started_again(browser: Browser, tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = RunningServer(data).ready()
    page = opened(browser, first.url)
    page.wait_for_selector('body[data-ready="1"]')
    draw(page, "a cat", steps="20", batch_count="8")
    expect(page.locator("#ink-gallery img[data-picture]").first).to_be_visible()
    first.kill()
    expect(page.locator("#ink-worker")).to_have_attribute("data-state", "offline")
    with running(data, "--port", str(first.port)):
        expect(page.locator("#ink-worker")).to_have_attribute(
            "data-state", re.compile("busy|ready")
        )
        expect(page.locator("#ink-gallery img[data-picture]")).to_have_count(8)
