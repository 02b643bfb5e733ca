"""The picture editor in a real browser: what is painted is compared pixel by pixel."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.ui.editor_page import REPOSITORY, EditorPage, png, serving

WIDTH, HEIGHT = 600, 400
"""Larger than one square of a layer, and no multiple of it."""


def gradient() -> Image.Image:
    """A picture in which every pixel has its own colour."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return Image.fromarray(np.stack([x % 256, y % 256, (x * 7 + y * 13) % 256], -1).astype("u1"))


def from_line(a: tuple[float, float], b: tuple[float, float]) -> NDArray[np.float64]:
    """How far the middle of each pixel is from the line between two points."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    dx, dy = b[0] - a[0], b[1] - a[1]
    t = np.clip(((x - a[0]) * dx + (y - a[1]) * dy) / (dx * dx + dy * dy or 1), 0, 1)
    return np.hypot(x - a[0] - t * dx, y - a[1] - t * dy)


def grey(mask: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    assert mask is not None
    return mask


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture(scope="module")
def shared(browser: Browser, address: str) -> Iterator[EditorPage]:
    page = EditorPage.start(browser, address, viewport={"width": 1280, "height": 800})
    yield page
    page.page.context.close()


@pytest.fixture
def editor(shared: EditorPage) -> Iterator[EditorPage]:
    """The editor with a new picture, to paint a mask with a hard brush."""
    shared.open()
    shared.call("load", None)
    shared.load(gradient())
    shared.call("setMode", "mask")
    shared.brush(40)
    yield shared
    assert shared.troubles == []


def test_a_mask_is_painted_erased_undone_and_inverted(editor: EditorPage) -> None:
    assert editor.mask() is None
    line = ((100.0, 100.0), (500.0, 300.0))
    editor.stroke(*line)
    painted = grey(editor.mask())
    assert painted.shape == (HEIGHT, WIDTH)
    assert (painted[from_line(*line) < 19] == 255).all()
    assert (painted[from_line(*line) > 21] == 0).all()

    editor.press("eraser")
    editor.stroke((300, 150), (300, 250))
    erased = grey(editor.mask())
    gone = from_line((300, 150), (300, 250))
    assert (erased[gone < 19] == 0).all()
    assert (erased[gone > 21] == painted[gone > 21]).all()

    editor.press("undo")
    assert (grey(editor.mask()) == painted).all()
    editor.press("redo")
    assert (grey(editor.mask()) == erased).all()
    editor.press("invert")
    assert (grey(editor.mask()) == 255 - erased).all()
    editor.press("clear")
    assert editor.mask() is None
    editor.press("fill")
    assert (grey(editor.mask()) == 255).all()
    for _ in range(5):
        editor.press("undo")
    assert editor.mask() is None
    expect(editor.control("undo")).to_be_disabled()


def test_a_soft_brush_does_not_grow_stronger_where_it_crosses_itself(editor: EditorPage) -> None:
    editor.brush(80, softness=1)
    once = ((100.0, 200.0), (500.0, 200.0))
    editor.stroke(*once)
    single = grey(editor.mask())
    assert single[200, 300] >= 250
    assert 0 < single[220, 300] < 250
    column = single[200:245, 300].astype(int)
    assert (np.diff(column) <= 0).all()
    assert (single[from_line(*once) > 41] == 0).all()
    editor.press("undo")
    editor.stroke(once[0], once[1], once[0])
    assert np.abs(grey(editor.mask()).astype(int) - single).max() <= 3


def test_zoom_and_pan_lead_to_the_pixel_under_the_pointer(editor: EditorPage) -> None:
    page = editor.page
    page.mouse.move(*editor.on_screen(431, 77))
    page.keyboard.down("Alt")
    for _ in range(26):
        page.mouse.wheel(0, -100)
    page.keyboard.up("Alt")
    page.wait_for_function("() => editor.view.scale > 10")
    x, y = editor.on_screen(431, 77)
    editor.surface.focus()
    page.keyboard.down(" ")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 25, steps=3)
    page.mouse.up()
    page.keyboard.up(" ")
    moved = editor.on_screen(431, 77)
    assert np.allclose(moved, (x + 60, y + 25), atol=0.01)
    assert editor.mask() is None

    editor.brush(1)
    page.mouse.click(*editor.on_screen(433.5, 79.5))
    assert np.argwhere(grey(editor.mask())).tolist() == [[79, 433]]

    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.wait_for_function("() => editor.brush.size === 2")
    page.keyboard.press("r")
    assert page.evaluate("() => editor.view.fitted")


def test_mask_strokes_and_picture_are_there_after_a_reload(editor: EditorPage) -> None:
    editor.stroke((50, 50), (550, 350))
    editor.call("setMode", "sketch")
    editor.stroke((50, 350), (550, 50))
    painted = editor.picture()
    editor.call("setMode", "mask")
    mask = grey(editor.mask())
    editor.kept()
    editor.open()
    editor.call("setMode", "mask")
    assert (grey(editor.mask()) == mask).all()
    assert (editor.picture() == painted).all()
    editor.press("clear")
    editor.kept()
    editor.open()
    editor.call("setMode", "mask")
    assert editor.mask() is None
    assert editor.call("size") == {"width": WIDTH, "height": HEIGHT}


def test_masks_go_in_and_out_as_files(editor: EditorPage, tmp_path: Path) -> None:
    values = np.random.default_rng(7).integers(0, 256, (HEIGHT, WIDTH), np.uint8)
    values[300:] = 0
    editor.choose("mask_open", png(Image.fromarray(values)))
    editor.page.wait_for_function("() => !editor.paper.mask.empty")
    assert (grey(editor.mask()) == values).all()
    with editor.page.expect_download() as download:
        editor.press("mask_save")
    download.value.save_as(tmp_path / "mask.png")
    saved = Image.open(tmp_path / "mask.png")
    assert saved.mode == "L"
    assert (np.asarray(saved) == values).all()

    alpha = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    alpha[..., 3] = values
    editor.choose("mask_open", png(Image.fromarray(alpha)))
    editor.page.wait_for_function("() => editor.paper.history.done.length > 1")
    assert (grey(editor.mask()) == values).all()

    half = Image.new("L", (WIDTH // 2, HEIGHT // 2), 0)
    half.paste(255, (0, 0, WIDTH // 4, HEIGHT // 2))
    editor.choose("mask_open", png(half))
    expect(editor.page.locator(".ink-editor-message")).to_contain_text("300 × 200")
    scaled = grey(editor.mask())
    assert (scaled[:, : WIDTH // 2 - 4] == 255).all()
    assert (scaled[:, WIDTH // 2 + 4 :] == 0).all()


def test_strokes_change_only_the_pixels_under_them(editor: EditorPage) -> None:
    start = np.asarray(gradient())
    editor.call("setMode", "sketch_mask")
    assert (editor.picture() == start).all()
    editor.page.evaluate("() => editor.set('color', '#3366cc')")
    line = ((100.0, 300.0), (400.0, 300.0))
    editor.stroke(*line)
    drawn = editor.picture()
    touched = grey(editor.mask())
    assert set(np.unique(touched)) == {0, 255}
    assert (drawn[touched == 0] == start[touched == 0]).all()
    assert (drawn[from_line(*line) < 19] == (0x33, 0x66, 0xCC)).all()
    assert (touched[from_line(*line) < 20] == 255).all()
    editor.page.evaluate("() => editor.set('strength', 0.5)")
    editor.stroke((100, 50), (400, 50), (100, 50))
    half = editor.picture()[50, 250].astype(int)
    assert np.abs(half - (start[50, 250] * 0.5 + np.array([0x33, 0x66, 0xCC]) * 0.5)).max() <= 2
    editor.press("undo")
    editor.press("pick")
    editor.page.mouse.click(*editor.on_screen(10.5, 20.5))
    wanted = "#" + bytes(start[20, 10]).hex()
    assert editor.page.evaluate("() => editor.brush.color") == wanted
    editor.press("eraser")
    editor.brush(1024)
    editor.stroke(*line)
    assert (editor.picture() == start).all()
    assert editor.mask() is None


def test_a_new_picture_can_be_undone(editor: EditorPage) -> None:
    editor.stroke((100, 100), (300, 100))
    mask = grey(editor.mask())
    version = editor.page.evaluate("() => { window.version = editor.state(); return true; }")
    assert version
    drop = """([data, kind]) => {
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], "small.png", { type: "image/png" }));
      const event = kind === "drop"
        ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
        : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
      document.querySelector(kind === "drop" ? ".ink-editor-surface" : "body").dispatchEvent(event);
    }"""
    for kind, size in (("drop", 30), ("paste", 20)):
        data = base64.b64encode(png(Image.new("RGB", (size, 10), "red"))).decode()
        editor.page.evaluate(drop, [data, kind])
        editor.page.wait_for_function(f"() => editor.size().width === {size}")
        assert editor.mask() is None
    editor.press("undo")
    editor.page.wait_for_function("() => editor.size().width === 30")
    editor.press("undo")
    editor.page.wait_for_function(f"() => editor.size().width === {WIDTH}")
    assert (grey(editor.mask()) == mask).all()
    editor.press("clear")
    editor.page.evaluate("() => editor.restore(window.version)")
    assert (grey(editor.mask()) == mask).all()


def test_a_file_that_cannot_be_used_costs_nothing(editor: EditorPage) -> None:
    editor.stroke((100, 100), (300, 100))
    mask = grey(editor.mask())
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    cut = png(gradient())[:90]
    wide = png(Image.new("1", (8193, 1)))
    message = editor.page.locator(".ink-editor-message")
    for data, kind, words in (
        (svg, "image/png", "cannot be read"),
        (svg, "image/svg+xml", "cannot be read"),
        (b"", "image/png", "cannot be read"),
        (cut, "image/png", "cannot be read"),
        (wide, "image/png", "8193"),
    ):
        editor.page.evaluate("() => editor.say('')")
        editor.load_bytes(data, kind)
        expect(message).to_contain_text(words)
        assert (grey(editor.mask()) == mask).all()
    editor.call("load", None)
    editor.load_bytes(svg)
    expect(message).to_be_visible()
    editor.call("undo")
    editor.page.evaluate("() => { editor.onerror = (text) => { window.said = text; }; }")
    editor.choose("mask_open", b"<html>", "mask.png")
    editor.page.wait_for_function("() => window.said?.includes('cannot be read')")
    assert (grey(editor.mask()) == mask).all()


def test_keys_work_over_the_picture_and_not_in_a_text(editor: EditorPage) -> None:
    page = editor.page
    editor.stroke((100, 100), (300, 100))
    mask = grey(editor.mask())
    page.keyboard.press("Control+z")
    assert editor.mask() is None
    page.keyboard.press("Control+Shift+Z")
    assert (grey(editor.mask()) == mask).all()
    tool = page.locator(".ink-editor")
    page.keyboard.press("e")
    expect(tool).to_have_attribute("data-tool", "eraser")
    page.keyboard.press("]")
    assert page.evaluate("() => editor.brush.size") == 48
    page.keyboard.press("q")
    assert page.evaluate("() => editor.brush.size") == 40
    page.keyboard.press("s")
    expect(tool).to_have_class("ink-editor ink-editor-full")
    page.keyboard.press("Escape")
    expect(tool).to_have_class("ink-editor")
    page.keyboard.press("Delete")
    assert editor.mask() is None

    page.keyboard.press("b")
    page.mouse.move(*editor.on_screen(100, 100))
    page.mouse.down()
    page.mouse.move(*editor.on_screen(200, 100))
    page.keyboard.press("Control+z")  # while the button is down
    page.mouse.move(*editor.on_screen(300, 100))
    page.mouse.up()
    assert editor.mask() is None
    page.keyboard.press("e")

    text = page.locator("textarea")
    text.click()
    page.mouse.move(*editor.on_screen(200, 200))
    page.keyboard.type("be?")
    assert text.input_value() == "be?"
    expect(tool).to_have_attribute("data-tool", "eraser")
    expect(page.locator("dialog[open]")).to_have_count(0)

    editor.surface.focus()
    page.keyboard.press("Shift+?")
    dialog = page.locator("#ink-shortcuts")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("Invert the mask")
    page.keyboard.press("b")  # the list takes no orders
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(tool).to_have_attribute("data-tool", "eraser")


def test_fingers_and_pens(browser: Browser, address: str) -> None:
    editor = EditorPage.start(
        browser, address, language="zh-CN", viewport={"width": 390, "height": 844}, has_touch=True
    )
    editor.load(gradient())
    editor.call("setMode", "mask")
    editor.brush(40)
    assert editor.page.evaluate("document.documentElement.scrollWidth") <= 390
    messages = json.loads((REPOSITORY / "localizations" / "zh-CN.json").read_text("utf-8"))
    unnamed = editor.page.evaluate(
        """() => [...document.querySelectorAll('.ink-editor :is(button, input)')].filter((node) =>
          !/[\\u4e00-\\u9fff]/.test(node.getAttribute('aria-label') || '')
          || !node.closest('[title]') && !node.closest('.ink-editor-empty')).length"""
    )
    assert unnamed == 0
    assert messages["editor.brush"] in (editor.control("brush").get_attribute("title") or "")

    devtools = editor.page.context.new_cdp_session(editor.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        spots = [
            {"x": x, "y": y, "id": number}
            for number, (x, y) in enumerate(editor.on_screen(*point) for point in points)
        ]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})

    touch("touchStart", (100, 100))
    for x in range(120, 320, 20):
        touch("touchMove", (x, 100))
    touch("touchEnd")
    mask = grey(editor.mask())
    assert (mask[from_line((100, 100), (290, 100)) < 18] == 255).all()
    assert (mask[from_line((100, 100), (300, 100)) > 22] == 0).all()

    before = editor.page.evaluate("() => editor.view.scale")
    touch("touchStart", (250, 200))
    touch("touchStart", (250, 200), (350, 200))
    touch("touchMove", (240, 200), (360, 200))
    touch("touchEnd")
    editor.page.wait_for_function(f"() => editor.view.scale > {before} * 1.05")
    assert (grey(editor.mask()) == mask).all()

    editor.call("clear")
    pen = """([x, y, pressure]) => {
      const surface = document.querySelector('.ink-editor-surface');
      const send = (kind, x, buttons) => surface.dispatchEvent(
        new PointerEvent(kind, { pointerId: 1, pointerType: 'pen', pressure, clientX: x, clientY: y,
          buttons, bubbles: true, cancelable: true }));
      Element.prototype.setPointerCapture = () => {};
      send('pointerdown', x, 1); send('pointermove', x + 30, 1); send('pointerup', x + 30, 0);
    }"""
    areas = []
    for pressure in (0.1, 1):
        editor.page.evaluate(pen, [*editor.on_screen(250, 200), pressure])
        areas.append(int((grey(editor.mask()) == 255).sum()))
    assert areas[1] > 2 * areas[0]
    assert editor.troubles == []
    editor.page.context.close()


def test_a_picture_with_transparency_keeps_it_under_strokes(editor: EditorPage) -> None:
    image = gradient().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, WIDTH, 100))
    editor.load(image)
    editor.call("setMode", "sketch")
    editor.brush(40)
    editor.stroke((100, 200), (300, 200))
    data = editor.file("picture")
    assert data is not None
    drawn = np.asarray(Image.open(io.BytesIO(data)))
    assert (drawn[:100, :, 3] == 0).all()
    assert (drawn[300:] == np.asarray(image)[300:]).all()
