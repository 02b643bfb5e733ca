"""The History tab, the viewer, and how things look."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.ui.studio import LONG, Studio

pytestmark = pytest.mark.browser

ATTACK = "<img src=x onerror=\"document.title='owned'\"><script>window.owned=1</script> & a cloud"


def draw(studio: Studio, prompt: str, **values: str) -> str:
    return studio.draw(prompt=prompt, steps="2", **values)


def open_history(studio: Studio) -> None:
    studio.page.get_by_role("tab", name=re.compile("History|历史记录")).click()
    expect(studio.page.locator("#ink-history-grid img").first).to_be_visible()


def test_history_finds_reuses_and_runs_again(studio: Studio) -> None:
    job = draw(studio, "a turtle with umbrellaword", seed="31415")
    draw(studio, "a balloon", seed="5")
    before = len(studio.pictures())
    open_history(studio)
    studio.page.fill("#ink-history-search", "umbrellaword")
    tiles = studio.page.locator("#ink-history-grid img")
    expect(tiles).to_have_count(1)
    tiles.first.click()
    detail = studio.page.locator("#ink-history-detail")
    expect(detail.locator("pre")).to_contain_text("Seed: 31415")
    detail.locator('[data-action="settings"]').click()
    expect(studio.field("seed")).to_have_value("31415")
    expect(studio.field("prompt")).to_be_visible()
    open_history(studio)
    detail.locator('[data-action="rerun"]').click()
    expect(studio.page.locator("#ink-infotext")).to_contain_text("umbrellaword")
    expect(studio.page.locator("#ink-stage")).to_have_attribute("data-state", "picture")
    newest = studio.pictures()[0]
    assert len(studio.pictures()) == before + 1
    assert (newest["seed"], newest["settings"]["prompt"]) == (31415, "a turtle with umbrellaword")
    assert newest["job_id"] != job


def test_history_has_pages(studio: Studio) -> None:
    draw(studio, "a cactus", batch_size="8", batch_count="4")
    open_history(studio)
    studio.page.fill("#ink-history-search", "cactus")
    page = studio.page.locator("#ink-history-page")
    expect(page).to_contain_text("1 / 2 · 32")
    expect(studio.page.locator("#ink-history-grid img")).to_have_count(24)
    studio.press("history-next")
    expect(studio.page.locator("#ink-history-grid img")).to_have_count(8)
    expect(studio.page.locator("#ink-history-next")).to_be_disabled()
    studio.page.fill("#ink-history-search", "no such words")
    expect(studio.page.locator("#ink-history-empty")).to_contain_text("no such words")


def test_the_viewer_walks_through_pictures_and_escape_only_closes_it(studio: Studio) -> None:
    draw(studio, "a mushroom", batch_count="2", seed="10")
    studio.generate(**LONG)
    job = studio.running_job()
    studio.press("stage-open")
    viewer = studio.page.locator("#ink-viewer")
    expect(viewer).to_be_visible()
    first = viewer.locator("img").get_attribute("data-picture")
    studio.page.keyboard.press("ArrowRight")
    expect(viewer.locator("img")).not_to_have_attribute("data-picture", first or "")
    studio.page.keyboard.press("ArrowLeft")
    expect(viewer.locator("img")).to_have_attribute("data-picture", first or "")
    studio.page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    assert studio.get(f"/api/jobs/{job}")["state"] == "running"


def test_a_picture_is_downloaded_with_its_name(studio: Studio) -> None:
    draw(studio, "a house", seed="2024")
    with studio.page.expect_download() as waiting:
        studio.page.click('#ink-picture-tools [data-action="download"]')
    assert re.search(r"2024\.png$", waiting.value.suggested_filename)


def test_a_prompt_with_markup_is_shown_as_text(studio: Studio) -> None:
    draw(studio, ATTACK)
    expect(studio.page.locator("#ink-infotext")).to_contain_text("<script>window.owned=1</script>")
    open_history(studio)
    studio.page.locator("#ink-history-grid img").first.click()
    expect(studio.page.locator("#ink-history-detail pre")).to_contain_text("onerror=")
    studio.reload()
    assert studio.page.evaluate("window.owned") is None
    assert "owned" not in studio.page.title()
    studio.fill(prompt="")


@pytest.mark.parametrize("lang", ["en-US", "zh-CN"])
def test_a_phone_needs_no_sideways_scrolling(open_studio: Callable[..., Studio], lang: str) -> None:
    studio = open_studio(lang, (390, 844))
    draw(studio, "a horse", batch_count="3")
    studio.page.click("#ink-advanced-toggle")
    width = "document.documentElement.scrollWidth"
    assert studio.page.evaluate(width) == 390
    expect(studio.page.locator("#ink-generate")).to_be_in_viewport()
    # Nothing of the form that scrolls behind the buttons shows through them.
    behind = studio.page.evaluate("""() => {
      const bar = document.getElementById("ink-actions").getBoundingClientRect();
      const label = document.querySelector("#ink-width [data-testid=block-info]");
      window.scrollBy(0, label.getBoundingClientRect().top - bar.top - 20);
      const { left, top } = label.getBoundingClientRect();
      return Boolean(document.elementFromPoint(left + 5, top + 5).closest("#ink-actions"));
    }""")
    assert behind
    open_history(studio)
    studio.page.locator("#ink-history-grid img").first.click()
    assert studio.page.evaluate(width) == 390


def test_light_and_dark_can_be_chosen_and_stay(studio: Studio) -> None:
    root = studio.page.locator("html")
    expect(root).to_have_attribute("data-theme", "light")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = studio.page.evaluate(colour)
    studio.press("theme")
    expect(root).to_have_attribute("data-theme", "dark")
    assert studio.page.evaluate(colour) != light
    studio.reload()
    expect(root).to_have_attribute("data-theme", "dark")


def test_every_control_has_a_name(studio: Studio) -> None:
    draw(studio, "")
    nameless = studio.page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, textarea')]
            .filter(n => n.offsetParent && !n.closest('[aria-hidden=true]'))
            .filter(n => !(n.ariaLabel || n.textContent.trim() || n.labels?.length))
            .filter(n => !n.querySelector('img')?.alt)
            .map(n => n.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


def test_no_key_is_shown_instead_of_words(open_studio: Callable[..., Studio]) -> None:
    for lang in ("en-US", "zh-CN"):
        studio = open_studio(lang)
        studio.page.click("#ink-advanced-toggle")
        open_history(studio)
        text = studio.page.inner_text("body") + studio.page.content()
        text = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
        shown = re.findall(
            r">\s*((?:param|button|label|queue|progress|worker)\.[a-z_.]+)\s*<", text
        )
        assert shown == []
