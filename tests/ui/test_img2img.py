"""Working on a picture in the img2img tab, as a designer does."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Locator, expect

from tests.ui.studio import PATIENCE, POLL, Studio

pytestmark = pytest.mark.browser

SIDE = 64
NAMES = {"en-US": "img2img", "zh-CN": "图生图"}
Pixels = NDArray[np.uint8]


NAMELESS = """[...document.querySelectorAll('#ink-img2img :is(button, input, select, textarea)')]
  .filter((n) => n.offsetParent && !n.closest('[aria-hidden=true]'))
  .filter((n) => !(n.ariaLabel || n.textContent.trim() || n.labels?.length))
  .filter((n) => !n.querySelector('img'))
  .map((n) => n.outerHTML.slice(0, 200))"""


class Desk:
    """The tab with a picture on its canvas."""

    def __init__(self, studio: Studio, lang: str = "en-US") -> None:
        self.studio = studio
        self.page = studio.page
        self.page.get_by_role("tab", name=NAMES[lang], exact=True).click()
        self.editor = self.page.locator("#ink-img2img-editor .ink-editor")
        expect(self.field("prompt")).to_be_visible()

    def field(self, name: str) -> Locator:
        return self.studio.field(f"img2img-{name}")

    def fill(self, **values: str) -> None:
        for name, value in values.items():
            self.field(name).fill(value)

    def mode(self, name: str) -> None:
        self.page.click(f'#ink-img2img-modes [data-value="{name}"]')

    def open(self, file: Path) -> None:
        self.editor.locator(".ink-editor-empty input").set_input_files(file)
        expect(self.editor).to_have_attribute("data-state", "picture")

    def tool(self, action: str) -> None:
        self.editor.locator(f'[data-action="{action}"]').click()

    def stroke(self, *points: tuple[float, float]) -> None:
        """Paints with the mouse through points of the picture, in its pixels."""
        surface = self.page.locator(".ink-editor-surface")
        surface.scroll_into_view_if_needed()
        box = surface.bounding_box()
        assert box
        scale = min(box["width"], box["height"]) / SIDE
        left = box["x"] + (box["width"] - SIDE * scale) / 2
        top = box["y"] + (box["height"] - SIDE * scale) / 2
        for at, (x, y) in enumerate(points):
            self.page.mouse.move(left + x * scale, top + y * scale, steps=4)
            if at == 0:
                self.page.mouse.down()
        self.page.mouse.up()

    def draw(self, count: int = 1) -> list[dict[str, Any]]:
        """Generates, and waits for this many new pictures; newest first."""
        known = {picture["id"] for picture in self.studio.pictures()}
        self.page.click("#ink-img2img-generate")
        for _ in range(PATIENCE // POLL):
            made = [one for one in self.studio.pictures() if one["id"] not in known]
            if len(made) == count and not self.studio.active_jobs():
                return made
            self.page.wait_for_timeout(POLL)
        raise AssertionError("no picture came")

    def pixels(self, address: str, mode: str = "RGB") -> Pixels:
        answer = self.page.request.get(self.studio.url + address)
        assert answer.ok, answer.text()
        return np.asarray(Image.open(io.BytesIO(answer.body())).convert(mode))

    def sent(self, picture: dict[str, Any], field: str, mode: str = "RGB") -> Pixels:
        return self.pixels(f"/api/inputs/{picture['settings'][field]}", mode)

    def result(self, picture: dict[str, Any]) -> Locator:
        """The picture as it stands over the canvas."""
        return self.page.locator(f'#ink-img2img-stage img[data-picture="{picture["id"]}"]')


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture in which no two neighbours are alike."""
    noise = np.random.default_rng(6).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    file = tmp_path_factory.mktemp("start") / "start.png"
    Image.fromarray(noise).save(file)
    return file


@pytest.fixture(scope="module")
def desk(browser: Browser, server_url: str) -> Iterator[Desk]:
    """One page for all tests that speak English."""
    studio = Studio.open(browser, server_url, "en-US", (1280, 900))
    yield Desk(studio)
    studio.cancel_all()
    assert studio.complaints == []
    studio.page.context.close()


def paint_and_draw(desk: Desk, start: Path) -> dict[str, Any]:
    """Two strokes and a third that is undone, a part erased; then the picture."""
    desk.mode("inpaint")
    desk.open(start)
    desk.stroke((8, 16), (56, 16))
    desk.stroke((8, 32), (56, 32))
    desk.tool("eraser")
    desk.stroke((48, 32), (60, 32))
    desk.tool("brush")
    desk.stroke((8, 50), (56, 50))
    desk.tool("undo")
    desk.page.click("#ink-img2img-inpaint-toggle")
    desk.fill(prompt="a red apple", steps="3", mask_blur="0", seed="7")
    [picture] = desk.draw()
    return picture


def check_kept(desk: Desk, start: Path, picture: dict[str, Any]) -> None:
    original = np.asarray(Image.open(start))
    mask = desk.sent(picture, "mask", "L")
    assert (mask[16, 10:54] == 255).all()
    assert (mask[32, 10:40] == 255).all()
    assert (mask[32, 50:54] == 0).all()
    assert (mask[40:] == 0).all()
    assert np.array_equal(desk.sent(picture, "init_image"), original)
    result = desk.pixels(picture["url"])
    assert np.array_equal(result[mask == 0], original[mask == 0])
    assert (result[mask == 255] != original[mask == 255]).mean() > 0.5
    expect(desk.result(picture)).to_be_visible()


def test_what_is_painted_changes_and_nothing_else(desk: Desk, start: Path) -> None:
    picture = paint_and_draw(desk, start)
    check_kept(desk, start, picture)
    page = desk.page

    # Compared with the start, taken over with the mask, gone back from.
    slider = page.get_by_label("Compare with the start picture")
    slider.fill("50")
    before = page.locator("#ink-img2img-stage .ink-before")
    assert "50%" in before.evaluate("node => getComputedStyle(node).clipPath")
    page.click('#ink-img2img-stage [data-action="again"]')
    versions = page.locator("#ink-img2img-versions .ink-tile")
    expect(versions).to_have_count(1)
    expect(page.locator("#ink-img2img-stage")).to_be_hidden()
    expect(desk.editor.locator('[data-action="clear"]')).to_be_enabled()
    [second] = desk.draw()
    assert np.array_equal(desk.sent(second, "init_image"), desk.pixels(picture["url"]))
    assert second["settings"]["mask"] == picture["settings"]["mask"]

    # All of it is there after a reload.
    desk.studio.reload()
    again = Desk(desk.studio)
    expect(again.editor).to_have_attribute("data-state", "picture")
    expect(again.editor).to_have_attribute("data-mode", "mask")
    assert desk.studio.values("img2img-prompt", "img2img-steps") == ["a red apple", "3"]
    versions.first.click()
    expect(versions).to_have_count(2)
    expect(desk.editor.locator('[data-action="clear"]')).to_be_enabled()
    [third] = desk.draw()
    assert np.array_equal(desk.sent(third, "init_image"), np.asarray(Image.open(start)))
    assert np.array_equal(desk.sent(third, "mask", "L"), desk.sent(picture, "mask", "L"))

    # Discarded from the strip only.
    tile = page.locator(f'#ink-img2img-strip [data-id="{third["id"]}"] button')
    tile.click()
    page.click('#ink-img2img-stage [data-action="discard"]')
    expect(tile).to_have_count(0)
    assert third["id"] in {one["id"] for one in desk.studio.pictures()}
    page.click('#ink-img2img-stage [data-action="back"]')


def test_the_same_in_chinese(open_studio: Callable[..., Studio], start: Path) -> None:
    desk = Desk(open_studio("zh-CN", (1280, 900)), "zh-CN")
    desk.mode("inpaint")
    desk.page.click("#ink-img2img-generate")
    expect(desk.page.locator("#ink-img2img-init_image .ink-error")).to_contain_text("原图")
    check_kept(desk, start, paint_and_draw(desk, start))
    expect(desk.page.locator('#ink-img2img-stage [data-action="accept"]')).to_have_text("采用")

    # On a phone; and every word is there, and every control has a name.
    desk.page.set_viewport_size({"width": 390, "height": 844})
    for mode in ("img2img", "sketch", "inpaint", "inpaint_sketch", "upload", "batch"):
        desk.mode(mode)
        assert desk.page.evaluate("document.documentElement.scrollWidth") == 390
        assert desk.page.evaluate(NAMELESS) == []
    assert (
        re.findall(r">\s*(?:img2img|editor|param|label)\.[a-z_.]+\s*<", desk.page.content()) == []
    )


def test_a_picture_of_txt2img_goes_on_and_grows(desk: Desk) -> None:
    studio, page = desk.studio, desk.page
    page.get_by_role("tab", name="txt2img", exact=True).click()
    studio.draw(prompt="a cat", steps="2", width=str(SIDE), height=str(SIDE), seed="3")
    newest = studio.pictures()[0]
    page.click('#ink-picture-tools [data-action="sketch"]')
    expect(desk.editor).to_have_attribute("data-mode", "sketch")
    expect(page.locator("#ink-img2img-versions .ink-tile")).to_have_count(2)
    assert studio.values("img2img-prompt") == ["a red apple"]  # somebody's own, so it stays

    desk.stroke((10, 20), (50, 20))
    desk.fill(steps="999")
    page.click("#ink-img2img-generate")
    expect(page.locator("#ink-img2img-steps-error")).to_contain_text("999")
    studio.forgive("422")
    desk.fill(steps="2", denoising_strength="0.5")
    page.click("#ink-img2img-outpaint-toggle")
    desk.fill(outpaint_left="64")
    assert studio.values("img2img-width", "img2img-height") == ["128", "64"]
    [grown] = desk.draw()
    assert (grown["width"], grown["height"]) == (128, 64)
    sketched = desk.sent(grown, "init_image")
    original = desk.pixels(newest["url"])
    assert not np.array_equal(sketched[20, 12:48], original[20, 12:48])
    assert np.array_equal(sketched[32:], original[32:])
    assert grown["settings"]["mask"] == ""
    assert np.array_equal(desk.pixels(grown["url"])[:, 96:], sketched[:, 32:])

    page.click('#ink-img2img-stage [data-action="accept"]')
    expect(desk.field("outpaint_left")).to_have_value("0")
    expect(desk.field("width")).to_have_value("128")
    enlarge_in_tiles(desk)


def enlarge_in_tiles(desk: Desk) -> None:
    """The picture of 128 x 64 on the canvas, twice as large, in tiles of the size of the form."""
    page = desk.page
    page.click("#ink-img2img-tiles-toggle")
    desk.field("tile_upscale").check()
    expect(desk.field("height")).to_have_value("128")  # the model's own
    desk.fill(width="96", height="96", tile_overlap="96")
    page.click("#ink-img2img-generate")
    expect(page.locator("#ink-img2img-tile_overlap-error")).to_contain_text("96x96")
    desk.studio.forgive("422")
    desk.fill(tile_overlap="16")
    desk.field("tile_upscaler").select_option("Nearest")
    summary = page.locator("#ink-img2img-tiles-toggle .ink-fold-summary")
    expect(summary).to_have_text("256×128 in 6 tiles of 96×96")
    [larger] = desk.draw()
    assert (larger["width"], larger["height"]) == (256, 128)
    assert "SD upscale overlap: 16, SD upscale upscaler: Nearest" in larger["infotext"]
    expect(desk.result(larger)).to_be_visible()
    page.click('#ink-img2img-stage [data-action="accept"]')
    expect(desk.field("tile_upscale")).not_to_be_checked()


def test_a_batch_draws_each_file_with_its_own_settings(
    desk: Desk, start: Path, tmp_path: Path
) -> None:
    page = desk.page
    made = desk.studio.pictures()[-1]
    told = tmp_path / "told.png"
    told.write_bytes(page.request.get(desk.studio.url + made["url"]).body())
    broken = tmp_path / "broken.png"
    broken.write_bytes(start.read_bytes()[:200])
    desk.mode("batch")
    page.locator('.ink-batch-take input[value="seed"]').check()
    page.locator("#ink-img2img-batch-files").set_input_files([start, told, broken])
    desk.fill(steps="2", seed="12345")
    pictures = desk.draw(2)
    assert {one["seed"] for one in pictures} == {12345, made["seed"]}
    expect(page.locator("#ink-img2img-batch-progress")).to_contain_text("3")
    rows = page.locator(".ink-batch-rows li")
    for at, state in enumerate(["done", "done", "failed"]):
        expect(rows.nth(at)).to_have_attribute("data-state", state, timeout=30_000)
    expect(rows.nth(2)).to_contain_text("broken.png")
    desk.studio.forgive("422")
