"""Settings from text and pictures: what the page shows before it changes anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.ui.studio import Studio

pytestmark = pytest.mark.browser

INFOTEXT = """a (red:1.2) apple
Negative prompt: blurry
Steps: 25, Sampler: Euler a, CFG scale: 6.5, Seed: 12345, Size: 192x128, Model: dreamshaper_8, \
Denoising strength: 0.4, Hires upscale: 2, Hires upscaler: Latent, Face restoration: CodeFormer"""


def row(dialog: Locator, field: str) -> Locator:
    return dialog.locator(f'tr[data-field="{field}"]')


def test_infotext_in_the_prompt_is_shown_before_it_is_applied(studio: Studio) -> None:
    dialog = studio.page.locator("#ink-reading")
    studio.fill(prompt=INFOTEXT, cfg_scale="3")
    studio.press("read")
    expect(row(dialog, "steps").locator("td").nth(1)).to_have_text("20")
    expect(row(dialog, "steps").locator("td").nth(2)).to_have_text("25")
    expect(row(dialog, "height")).to_have_count(0)  # the same in the form
    expect(dialog.locator(".ink-reading-problems")).to_contain_text("dreamshaper_8")
    expect(dialog.locator(".ink-reading-problems")).to_contain_text("starter")
    expect(dialog.locator(".ink-reading-unknown")).to_contain_text("CodeFormer")
    studio.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert studio.values("steps", "prompt") == ["20", INFOTEXT]

    studio.press("read")
    studio.page.uncheck("#ink-take-cfg_scale")
    dialog.locator('[data-part="apply"]').click()
    expect(studio.field("prompt")).to_have_value("a (red:1.2) apple")
    taken = ("negative_prompt", "steps", "sampler", "seed", "width", "cfg_scale", "checkpoint")
    shown = ["blurry", "25", "Euler a", "12345", "192", "3", "starter · SD1"]
    assert studio.values(*taken) == shown
    expect(studio.field("hires")).to_be_checked()
    assert studio.values("denoising_strength") == ["0.4"]


PASTE = """([selector, text]) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
  document.querySelector(selector).dispatchEvent(event);
  return event.defaultPrevented;
}"""  # noqa: E501


def test_only_settings_are_taken_from_a_paste(studio: Studio) -> None:
    area, dialog = "#ink-prompt textarea", studio.page.locator("#ink-reading")
    for words in ("a cat", "steps: many, cats", "Steps: 20"):
        assert studio.page.evaluate(PASTE, [area, words]) is False
    expect(dialog).to_be_hidden()
    assert studio.page.evaluate(PASTE, [area, INFOTEXT]) is True
    expect(row(dialog, "steps")).to_be_visible()
    dialog.locator('[data-part="as_text"]').click()
    expect(studio.field("prompt")).to_have_value(INFOTEXT)
    assert studio.values("steps") == ["20"]


def test_a_picture_tells_its_settings(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio("zh-CN")
    page = studio.page
    studio.draw(prompt="一只猫", steps="3", seed="77", width="64", height="64")
    newest = studio.pictures()[0]
    picture = page.request.get(studio.url + newest["url"]).body()
    studio.fill(prompt="", steps="20", seed="1", width="128")
    page.click("#ink-tab-info-button")
    file = {"name": "x.png", "mimeType": "image/png", "buffer": picture}
    page.set_input_files("#ink-info-drop input", file)  # type: ignore[arg-type]
    result = page.locator("#ink-info-result")
    expect(row(result, "prompt")).to_contain_text("一只猫")
    expect(result.locator("pre").first).to_contain_text("Steps: 3")
    row(result, "seed").locator("button").click()
    expect(studio.field("seed")).to_have_value("77")
    assert studio.values("steps") == ["20"]
    studio.press("info-send")
    dialog = page.locator("#ink-reading")
    expect(row(dialog, "steps")).to_be_visible()
    expect(row(dialog, "seed")).to_have_count(0)
    dialog.locator('[data-part="apply"]').click()
    expect(studio.field("prompt")).to_have_value("一只猫")
    assert studio.values("steps", "width") == ["3", "64"]


def test_what_is_no_picture_is_refused_in_words(studio: Studio) -> None:
    studio.page.click("#ink-tab-info-button")
    file = {"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"}
    studio.page.set_input_files("#ink-info-drop input", file)  # type: ignore[arg-type]
    expect(studio.page.locator("#ink-banner")).to_be_visible()
    assert "error." not in studio.page.locator("#ink-banner").inner_text()
    studio.forgive("422")


DROP = """async ([url]) => {
  const data = new DataTransfer();
  data.setData("text/uri-list", url);
  const event = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
  document.querySelector("#ink-prompt textarea").dispatchEvent(event);
  return event.defaultPrevented;
}"""


def test_a_tile_dropped_on_the_prompt_brings_its_settings(studio: Studio) -> None:
    studio.draw(prompt="a red kite", steps="2", seed="8", width="64", height="64")
    thumbnail = studio.url + studio.pictures()[0]["thumb"]
    studio.fill(prompt="other", steps="20")
    assert studio.page.evaluate(DROP, [thumbnail]) is True
    dialog = studio.page.locator("#ink-reading")
    expect(row(dialog, "prompt")).to_contain_text("a red kite")
    dialog.locator('[data-part="apply"]').click()
    expect(studio.field("prompt")).to_have_value("a red kite")
