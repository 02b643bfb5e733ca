"""The extras tab in a browser."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.running_server import REPOSITORY, running
from tests.ui.studio import Studio

pytestmark = pytest.mark.browser


def write(module: str, folder: Path) -> None:
    subprocess.run([sys.executable, "-m", module, str(folder)], check=True, cwd=REPOSITORY)


def png(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (48, 32), colour).save(buffer, "PNG")
    return buffer.getvalue()


def drag(page: Page, start: float, end: float) -> None:
    """Over the comparison, from one share of its width to another."""
    box = page.locator("#ink-extras-shown .ink-pair-view").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * start, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, box["y"] + 30, steps=3)
    page.mouse.up()


def check_comparison(page: Page) -> None:
    """The line moves by keys and by pointer; in actual size only where it is taken hold of."""
    before = page.locator("#ink-extras-shown .ink-pair-before")
    page.wait_for_function("document.querySelector('.ink-pair-before').naturalWidth === 48")
    slider = page.get_by_role("slider", name="对比放大前后")
    share = "aria-valuetext"
    expect(slider).to_have_attribute(share, "放大前占 50 %")
    slider.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute(share, "放大前占 99 %")
    before.scroll_into_view_if_needed()
    drag(page, 0.9, 0.25)
    expect(slider).to_have_attribute(share, "放大前占 25 %")
    paper = page.locator(".ink-pair-paper")
    width = float(paper.evaluate("node => node.offsetWidth"))
    cut = float(paper.evaluate("node => parseFloat(node.style.getPropertyValue('--ink-cut'))"))
    assert abs(cut - width / 4) < 2
    zoom = page.locator('#ink-extras-tools [data-action="zoom"]')
    zoom.click()
    expect(zoom).to_have_attribute("aria-pressed", "true")
    expect(paper).to_have_css("width", "144px")
    drag(page, 0.7, 0.9)
    expect(slider).to_have_attribute(share, "放大前占 25 %")
    drag(page, 0.25, 0.75)
    expect(slider).to_have_attribute(share, "放大前占 75 %")
    zoom.click()


def test_pictures_become_larger(browser: Browser, tmp_path: Path) -> None:
    models, folder = tmp_path / "models", tmp_path / "folder"
    write("tests.tiny_models", models / "tiny")
    write("tests.tiny_upscalers", models / "upscalers")
    folder.mkdir()
    (folder / "one.png").write_bytes(png("red"))
    with running(tmp_path / "data", models_dir=models) as server:
        studio = Studio.open(browser, server.ready().url, "zh-CN", (1280, 800))
        page = studio.page
        page.get_by_role("tab", name="后期处理", exact=True).click()
        form = page.locator("#ink-extras-form")
        first = form.locator('[name="upscaler_1"]')
        expect(first.locator('option[value="swinir"]')).to_be_attached()
        # Nothing chosen yet: said where the picture goes.
        studio.press("extras-generate")
        expect(page.locator("#ink-extras-picture")).to_contain_text("请先选择一张图片")
        page.locator("#ink-extras-files").set_input_files(
            {"name": "one.png", "mimeType": "image/png", "buffer": png("blue")}
        )
        first.select_option("esrgan")
        expect(form.locator('[name="visibility"]')).to_be_hidden()
        form.locator('[name="upscaler_2"]').select_option("Lanczos")
        form.locator('[name="factor"]').fill("9")
        studio.press("extras-generate")
        expect(form.locator('[name="factor"]')).to_have_attribute("aria-invalid", "true")
        form.locator('[name="factor"]').fill("3")
        page.keyboard.press("Control+Enter")
        expect(page.locator("#ink-extras-shown .ink-pair-after")).to_have_attribute("alt", "144×96")
        expect(page.locator("#ink-extras-outcome")).to_have_text("结果：48 × 32 → 144 × 96")
        check_comparison(page)
        expect(page.locator("#ink-extras-text")).to_have_text(
            "Postprocess upscale by: 3, Postprocess upscaler: esrgan, "
            "Postprocess upscaler 2: Lanczos, Postprocess upscaler 2 visibility: 0.5"
        )
        # A batch to a size, then a folder of the server.
        form.locator('[name="upscaler_2"]').select_option("None")
        page.locator('#ink-extras-sources [data-value="batch"]').click()
        page.locator('#ink-extras-modes [data-value="size"]').click()
        form.locator('[name="width"]').fill("80")
        form.locator('[name="height"]').fill("80")
        page.locator("#ink-extras-files").set_input_files(
            [
                {"name": f"{name}.png", "mimeType": "image/png", "buffer": png(name)}
                for name in ("red", "lime")
            ]
        )
        page.locator('#ink-extras-sources [data-value="folder"]').click()
        page.locator("#ink-extras-path").fill(str(folder))
        studio.press("extras-list")
        rows = page.locator("#ink-extras-rows li")
        expect(rows).to_have_count(3)
        studio.press("extras-generate")
        expect(page.locator('#ink-extras-rows li[data-state="done"]')).to_have_count(3)
        sizes = [(one["width"], one["height"]) for one in studio.pictures()]
        assert sizes == [(80, 80)] * 3 + [(144, 96)]
        # From the result to img2img, from the gallery back to the extras.
        page.locator('#ink-extras-tools [data-action="img2img"]').click()
        expect(page.locator("#ink-img2img-editor .ink-editor")).to_be_visible()
        page.get_by_role("tab", name="文生图").click()
        page.locator('#ink-picture-tools [data-action="extras"]').click()
        expect(page.locator("#ink-extras-drop img")).to_be_visible()
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        # Refused orders are answers of status 422, which a browser writes into its console.
        assert [text for text in studio.complaints if "422" not in text] == []
        page.context.close()
