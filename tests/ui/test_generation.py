"""A whole generation, as a person sees it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.ui.studio import LONG, Studio

pytestmark = pytest.mark.browser

WORDS = {
    "en-US": {"tab": "txt2img", "generate": "Generate", "steps": "Steps", "vae": "Automatic"},
    "zh-CN": {"tab": "文生图", "generate": "生成", "steps": "迭代步数", "vae": "自动"},
    "zh-Hans-SG": {"tab": "文生图", "generate": "生成", "steps": "迭代步数", "vae": "自动"},
}


@pytest.mark.parametrize(("lang", "prompt"), [("en-US", "a red apple"), ("zh-CN", "一只熊猫")])
def test_a_prompt_becomes_a_picture_with_its_data(
    open_studio: Callable[..., Studio], lang: str, prompt: str
) -> None:
    studio = open_studio(lang)
    before = len(studio.pictures())
    job = studio.draw(prompt=prompt, steps="8", seed="42", batch_count="1")
    newest = studio.pictures()[0]
    assert newest["job_id"] == job
    assert len(studio.pictures()) == before + 1
    tile = studio.page.locator(f'#ink-gallery img[data-picture="{newest["id"]}"]')
    expect(tile).to_be_visible()
    infotext = studio.page.locator("#ink-infotext")
    expect(infotext).to_contain_text(prompt)
    expect(infotext).to_contain_text("Steps: 8")
    expect(infotext).to_contain_text("Seed: 42")
    shown = studio.page.locator("#ink-stage img").get_attribute("src")
    assert shown == newest["url"]
    file = Image.open(BytesIO(studio.page.request.get(studio.url + newest["url"]).body()))
    assert file.size == (newest["width"], newest["height"])


@pytest.mark.parametrize("lang", sorted(WORDS))
def test_labels_follow_the_browsers_language(open_studio: Callable[..., Studio], lang: str) -> None:
    studio = open_studio(lang)
    words = WORDS[lang]
    expect(studio.page.get_by_role("tab", name=words["tab"], exact=True)).to_be_visible()
    expect(studio.page.locator("#ink-generate")).to_have_text(words["generate"])
    expect(studio.page.locator("#ink-steps label")).to_contain_text(words["steps"])
    expect(studio.page.locator("#ink-vae option").first).to_have_text(words["vae"])


def test_the_language_can_be_changed_and_stays(open_studio: Callable[..., Studio]) -> None:
    studio = open_studio("en-US")
    studio.fill(prompt="a cat")
    with studio.page.expect_navigation():
        studio.page.select_option("#ink-language", "zh-CN")
    studio.ready()
    expect(studio.page.locator("#ink-generate")).to_have_text("生成")
    assert studio.page.locator("html").get_attribute("lang") == "zh-CN"
    assert studio.values("prompt") == ["a cat"]
    studio.reload()
    expect(studio.page.locator("#ink-generate")).to_have_text("生成")


def test_a_running_job_is_found_again_after_a_reload(studio: Studio) -> None:
    studio.generate(prompt="a rocket", **LONG)
    job = studio.running_job()
    studio.reload()
    assert studio.running_job() == job
    expect(studio.page.locator("#ink-progress .ink-phase")).to_contain_text("step")
    expect(studio.page.locator(f'#ink-queue li[data-job="{job}"]')).to_contain_text("a rocket")
    expect(studio.page.locator("#ink-stage")).to_have_attribute("data-state", "preview")


def test_interrupt_ends_the_running_job(studio: Studio) -> None:
    studio.generate(prompt="a fish", **LONG)
    job = studio.running_job()
    studio.press("interrupt")
    studio.idle()
    assert studio.get(f"/api/jobs/{job}")["state"] == "cancelled"
    expect(studio.page.locator("#ink-interrupt")).to_be_disabled()


def test_skip_gives_up_one_picture_and_goes_on(studio: Studio) -> None:
    studio.generate(prompt="a bus", steps="60", batch_count="2")
    job = studio.running_job()
    row = studio.page.locator(f'#ink-queue li[data-job="{job}"]')
    expect(row).to_contain_text("0/2")
    expect(studio.page.locator("#ink-progress .ink-phase")).to_contain_text("step")
    studio.press("skip")
    studio.idle()
    assert studio.get(f"/api/jobs/{job}")["state"] == "done"
    made = [picture["index"] for picture in studio.pictures() if picture["job_id"] == job]
    assert len(made) == 1


def test_generate_always_enqueues_and_counts_what_waits(studio: Studio) -> None:
    studio.generate(prompt="an owl", **LONG)
    studio.running_job()
    studio.press("generate")
    studio.press("generate")
    expect(studio.page.locator("#ink-generate")).to_have_attribute("data-count", "2")
    rows = studio.page.locator("#ink-queue li")
    expect(rows).to_have_count(3)
    rows.nth(2).get_by_role("button").click()
    expect(rows).to_have_count(2)
    expect(studio.page.locator("#ink-generate")).to_have_attribute("data-count", "1")
    assert len(studio.active_jobs()) == 2


def test_keys_generate_skip_and_interrupt(studio: Studio) -> None:
    studio.fill(prompt="a frog", steps="150", batch_count="3")
    studio.field("prompt").press("Control+Enter")
    job = studio.running_job()
    expect(studio.page.locator("#ink-progress .ink-phase")).to_contain_text("step")
    with studio.page.expect_response(f"**/api/jobs/{job}/skip") as answer:
        studio.field("prompt").press("Alt+Enter")
    assert answer.value.ok
    studio.field("prompt").press("Escape")
    studio.idle()
    assert studio.get(f"/api/jobs/{job}")["state"] == "cancelled"
    assert studio.values("prompt") == ["a frog"]
