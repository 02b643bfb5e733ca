"""The folded sections, styles and weights: what the page does with the rest of the request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.ui.studio import Studio

pytestmark = pytest.mark.browser

SMALL = {"width": "64", "height": "64", "steps": "2", "seed": "5"}

WEIGHTS = [
    ("a red apple", 3, 3, 1, "a (red:1.1) apple", "red"),
    ("a (red:1.1) apple", 4, 4, -1, "a red apple", "red"),
    ("a (red apple:1.3)", 4, 4, 1, "a (red apple:1.4)", "red apple"),
    ("a red apple", 2, 11, -1, "a (red apple:0.9)", "red apple"),
    ("a ((red)) apple", 5, 5, 1, "a (red:1.31) apple", "red"),
    ("a [red] apple", 4, 4, -1, "a (red:0.81) apple", "red"),
    ("x <lora:ink:0.8> y", 5, 5, 1, "x <lora:ink:0.85> y", "lora:ink"),
    ("(a:1.1), b", 9, 9, 1, "(a:1.1), (b:1.1)", "b"),
    ("红色，苹果", 4, 4, 1, "红色，(苹果:1.1)", "苹果"),
]


def test_keys_change_the_weight_of_a_word(studio: Studio) -> None:
    weigh = "c => import('/ink/weights.js').then(m => m.weigh(...c))"
    for text, start, end, direction, written, selected in WEIGHTS:
        changed: Any = studio.page.evaluate(weigh, [text, start, end, direction])
        assert changed["text"] == written
        assert changed["text"][changed["start"] : changed["end"]] == selected
    assert studio.page.evaluate(weigh, [" , ", 1, 1, 1]) is None
    studio.fill(prompt="a cat")
    studio.field("prompt").press("Control+ArrowUp")
    studio.field("prompt").press("Control+ArrowUp")
    assert studio.values("prompt") == ["a (cat:1.2)"]


SIZES = [
    ({"width": 512, "height": 512, "hires_scale": 2}, (1024, 1024)),
    ({"width": 512, "height": 768, "hires_scale": 1.3}, (664, 992)),
    ({"width": 512, "height": 768, "hires_width": 1000}, (1000, 1496)),
    ({"width": 512, "height": 768, "hires_height": 1000}, (664, 1000)),
    ({"width": 512, "height": 768, "hires_width": 800, "hires_height": 600}, (800, 600)),
]


def test_hires_fix_from_the_switch_to_the_picture(studio: Studio) -> None:
    from webui.core.hires_size import final_size
    from webui.core.request import GenerationRequest

    target = "v => import('/ink/hires.js').then(m => m.targetSize(v))"
    for values, size in SIZES:
        shown: Any = studio.page.evaluate(target, values)
        assert (shown["to_width"], shown["to_height"]) == size
        assert final_size(GenerationRequest(hires=True, **values)) == size  # type: ignore[arg-type]

    studio.fill(prompt="a red apple", **SMALL)
    expect(studio.field("hires_scale")).to_be_hidden()
    studio.field("hires").check()
    expect(studio.field("hires_scale")).to_be_visible()
    studio.fill(hires_scale="1.5", hires_steps="2")
    expect(studio.page.locator("#ink-hires-toggle")).to_contain_text("64×64 to 96×96")
    studio.reload()
    expect(studio.field("hires")).to_be_checked()
    assert studio.values("hires_scale", "hires_steps") == ["1.5", "2"]
    studio.draw()
    newest = studio.pictures()[0]
    assert (newest["width"], newest["height"]) == (96, 96)
    expect(studio.page.locator("#ink-infotext")).to_contain_text("Hires upscale: 1.5")

    studio.field("hires").uncheck()
    expect(studio.page.locator("#ink-hires_scale.ink-idle")).to_have_count(1)
    studio.page.click('#ink-picture-tools [data-action="settings"]')
    expect(studio.field("hires")).to_be_checked()


def test_hires_fix_on_a_picture_that_is_there(studio: Studio) -> None:
    studio.draw(prompt="a red apple", **SMALL)
    before = studio.pictures()[0]
    studio.page.click("#ink-hires-toggle")
    studio.fill(hires_scale="9", hires_steps="2")
    studio.page.click('#ink-picture-tools [data-action="hires"]')
    expect(studio.page.locator("#ink-hires_scale-error")).to_contain_text("9")
    studio.forgive("422")
    studio.fill(hires_scale="2")
    studio.page.click('#ink-picture-tools [data-action="hires"]')
    studio.page.wait_for_function(
        "id => document.querySelector('#ink-stage img').src.indexOf(id) < 0", arg=before["id"]
    )
    studio.idle()
    newest = studio.pictures()[0]
    assert newest["id"] != before["id"]
    assert (newest["width"], newest["height"], newest["seed"]) == (128, 128, 5)


def test_a_fault_in_a_closed_section_opens_it(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio("zh-CN")
    for field, value, toggle in (
        ("hires_width", "1001", "hires"),
        ("variation_strength", "2", "seed"),
        ("sigma_max", "", "advanced"),
    ):
        section = studio.page.locator(f"#ink-{toggle}-toggle")
        section.click()
        studio.fill(**{field: value})
        section.click()
        expect(studio.field(field)).to_be_hidden()
    studio.press("generate")
    for field in ("hires_width", "variation_strength", "sigma_max"):
        expect(studio.page.locator(f"#ink-{field}-error")).to_be_visible()
    assert studio.active_jobs() == []


def test_styles_are_made_chosen_applied_and_deleted(studio: Studio) -> None:
    page = studio.page
    studio.press("style-edit")
    editor = page.locator("#ink-style-editor")
    editor.locator("[name=name]").fill("墨")
    editor.locator("[name=prompt]").fill("ink drawing of {prompt}")
    editor.locator("[name=negative_prompt]").fill("photo")
    editor.locator(".ink-style-save").click()
    expect(editor.locator("[name=existing]")).to_have_value("墨")
    editor.locator("[name=name]").fill("  ")
    editor.locator(".ink-style-save").click()
    expect(editor.locator("[role=alert]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(editor).to_be_hidden()

    studio.forgive("422")
    studio.fill(prompt="a cat")
    expect(page.locator("#ink-prompt-tokens")).to_have_text("2/75")
    page.select_option("#ink-style-menu", "墨")
    expect(page.locator("#ink-style-chips")).to_contain_text("墨")
    expect(page.locator("#ink-prompt-tokens")).not_to_have_text("2/75")
    studio.reload()
    expect(page.locator("#ink-style-chips")).to_contain_text("墨")
    studio.draw(**SMALL)
    expect(page.locator("#ink-infotext")).to_contain_text("ink drawing of a cat")
    expect(page.locator("#ink-infotext")).to_contain_text("Negative prompt: photo")
    assert studio.values("prompt", "negative_prompt") == ["a cat", ""]

    studio.press("style-apply")
    expect(studio.field("prompt")).to_have_value("ink drawing of a cat")
    expect(studio.field("negative_prompt")).to_have_value("photo")
    expect(page.locator("#ink-style-chips")).to_be_hidden()
    studio.press("style-edit")
    editor.locator("[name=existing]").select_option("墨")
    editor.locator(".ink-style-delete").click()
    expect(editor.locator("[name=existing] option")).to_have_count(1)
