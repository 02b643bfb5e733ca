"""The merger tab in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.running_server import running
from tests.tiny_models import build_tiny_model
from tests.ui.studio import Studio

pytestmark = pytest.mark.browser


def test_two_models_become_a_third(browser: Browser, tmp_path: Path) -> None:
    models = tmp_path / "models"
    build_tiny_model(models / "a")
    build_tiny_model(models / "b")
    with running(tmp_path / "data", models_dir=models) as server:
        studio = Studio.open(browser, server.ready().url, "zh-CN", (1280, 800))
        page = studio.page
        page.get_by_role("tab", name="模型融合").click()
        form, result = page.locator("#ink-merge-form"), page.locator("#ink-merge-result")
        primary = form.locator('[name="primary"]')
        expect(primary.locator('option[value="b"]')).to_be_attached()
        expect(form.locator('[data-field="tertiary"]')).to_be_hidden()
        form.locator('[name="method"]').select_option("add_difference")
        expect(form.locator('[data-field="tertiary"]')).to_be_visible()
        form.locator('[name="method"]').select_option("weighted_sum")
        primary.select_option("a")
        studio.press("merge-start")
        expect(result).to_contain_text("缺少模型 B")
        expect(form.locator('[name="secondary"]')).to_have_attribute("aria-invalid", "true")
        form.locator('[name="secondary"]').select_option("b")
        form.locator('[name="name"]').fill("mix")
        studio.press("merge-start")
        expect(result).to_have_attribute("data-state", "done")
        expect(result).to_contain_text("mix")
        expect(primary.locator('option[value="mix"]')).to_be_attached()
        page.get_by_role("tab", name="文生图").click()
        expect(page.locator("#ink-models textarea")).to_have_value(re.compile("mix"))
        studio.choose("checkpoint", "mix · SD1")
        # A refused order is an answer of status 422, which a browser writes into its console.
        assert [text for text in studio.complaints if "422" not in text] == []
        page.context.close()
    assert (models / "checkpoints" / "mix" / "unet").is_dir()
