"""The form: what it keeps, what it refuses, what it takes over."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.ui.studio import Studio

pytestmark = pytest.mark.browser

BAD = [
    ("steps", "999"),
    ("steps", "20.5"),
    ("steps", ""),
    ("cfg_scale", "0.5"),
    ("width", "129"),
    ("height", "99999"),
    ("seed", "9007199254740993"),
    ("seed", "-5"),
    ("batch_size", "0"),
    ("batch_count", "-3"),
    ("clip_skip", "99"),
    ("eta", "7"),
]


@pytest.fixture(scope="module")
def shared(browser: object, server_url: str) -> object:
    """One page for the tests that only look at messages."""
    studio = Studio.open(browser, server_url, "en-US", (1280, 800))  # type: ignore[arg-type]
    studio.page.click("#ink-advanced-toggle")
    yield studio
    assert studio.complaints == []
    studio.page.context.close()


@pytest.mark.parametrize(("field", "value"), BAD)
def test_a_bad_number_gets_a_message_at_its_field(shared: Studio, field: str, value: str) -> None:
    good = shared.values(field)[0]
    shared.generate(**{field: value})
    message = shared.page.locator(f"#ink-{field}-error")
    expect(message).to_be_visible()
    assert value[:8] in message.inner_text()
    assert "error." not in message.inner_text()
    assert shared.values(field) == [value]
    assert shared.field(field).get_attribute("aria-invalid") == "true"
    expect(shared.page.locator("#ink-problems")).to_be_visible()
    assert shared.active_jobs() == []
    shared.fill(**{field: good})
    expect(message).to_have_count(0)
    expect(shared.page.locator("#ink-problems")).to_be_hidden()


def test_all_faults_are_shown_at_once_in_chinese(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio("zh-CN")
    studio.press("advanced-toggle")
    studio.fill(eta="3")
    studio.press("advanced-toggle")
    expect(studio.field("eta")).to_be_hidden()
    studio.generate(steps="0", width="7")
    for field in ("steps", "width", "eta"):
        expect(studio.page.locator(f"#ink-{field}-error")).to_be_visible()
    text = studio.page.locator("#ink-steps-error").inner_text()
    assert any("\u4e00" <= letter <= "\u9fff" for letter in text)
    assert studio.active_jobs() == []


def test_hostile_prompts_are_refused_at_the_field(studio: Studio) -> None:
    for prompt in ("(" * 10_000, "x" * 30_000):
        studio.generate(prompt=prompt)
        expect(studio.page.locator("#ink-prompt-error")).to_be_visible()
        assert studio.values("prompt") == [prompt]
    assert studio.active_jobs() == []


def test_an_unknown_sampler_is_named(studio: Studio) -> None:
    studio.field("sampler").fill("Eulr")
    studio.field("sampler").press("Tab")
    studio.press("generate")
    expect(studio.page.locator("#ink-sampler-error")).to_contain_text("Eulr")
    expect(studio.page.locator("#ink-sampler-error")).to_contain_text("Euler")
    assert studio.active_jobs() == []


def test_the_form_survives_a_reload(studio: Studio) -> None:
    studio.page.click("#ink-advanced-toggle")
    studio.fill(prompt="a lion\nwith a crown", negative_prompt="blur", steps="33", width="192")
    studio.fill(seed="123456789012", eta="0.25", cfg_scale="3.5")
    studio.choose("sampler", "Euler a")
    names = ("prompt", "negative_prompt", "steps", "width", "seed", "eta", "cfg_scale", "sampler")
    before = studio.values(*names)
    studio.reload()
    assert studio.values(*names) == before
    expect(studio.page.locator("#ink-eta")).to_be_visible()


def test_a_new_visitor_gets_the_models_own_size(studio: Studio) -> None:
    assert studio.values("checkpoint", "width", "height", "seed", "eta") == [
        "starter · SD1", "128", "128", "-1", "",
    ]  # fmt: skip


def test_stale_kept_values_do_not_reach_the_form(studio: Studio) -> None:
    kept = '{"steps": "many", "sampler": "Gone", "unheard_of": 3, "prompt": "a tulip"}'
    studio.page.evaluate("kept => localStorage.setItem('inkstone.form.txt2img', kept)", kept)
    studio.reload()
    assert studio.values("prompt", "steps", "sampler") == ["a tulip", "20", "DPM++ 2M"]


def test_swap_random_and_reuse(studio: Studio) -> None:
    studio.fill(width="192", height="128")
    studio.press("swap")
    expect(studio.field("width")).to_have_value("128")
    expect(studio.field("height")).to_have_value("192")
    studio.draw(prompt="a star", steps="2", seed="777", cfg_scale="4", batch_count="2")
    studio.press("random-seed")
    expect(studio.field("seed")).to_have_value("-1")
    studio.press("reuse-seed")
    expect(studio.field("seed")).to_have_value("778")
    studio.fill(prompt="something else", seed="1", cfg_scale="9", width="256")
    studio.page.locator("#ink-gallery img").nth(1).click()
    expect(studio.page.locator("#ink-infotext")).to_contain_text("Seed: 777")
    studio.page.click('#ink-picture-tools [data-action="seed"]')
    expect(studio.field("seed")).to_have_value("777")
    assert studio.values("prompt") == ["something else"]
    studio.page.click('#ink-picture-tools [data-action="settings"]')
    expect(studio.field("prompt")).to_have_value("a star")
    assert studio.values("cfg_scale", "width", "height", "seed") == ["4", "128", "192", "777"]
    assert studio.values("batch_count") == ["2"]


def test_sliders_and_numbers_move_together(studio: Studio) -> None:
    slider = studio.page.locator("#ink-steps input[type=range]")
    studio.fill(steps="77")
    expect(slider).to_have_value("77")
    slider.fill("31")
    expect(studio.field("steps")).to_have_value("31")
    studio.reload()
    assert studio.values("steps") == ["31"]
    expect(slider).to_have_value("31")


def test_tokens_are_counted(studio: Studio) -> None:
    badge = studio.page.locator("#ink-prompt-tokens")
    expect(badge).to_have_text("0/75")
    studio.fill(prompt="a red apple")
    expect(badge).to_have_text("3/75")
    studio.fill(prompt="apple " * 80)
    expect(badge).to_have_text("80/150")


def test_an_example_fills_the_prompt(studio: Studio) -> None:
    if studio.pictures():
        studio.page.evaluate("document.getElementById('ink-stage').dataset.state = 'empty'")
    example = studio.page.locator("#ink-examples button").first
    text = example.inner_text()
    example.click()
    expect(studio.field("prompt")).to_have_value(text)
