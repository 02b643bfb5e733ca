"""The dialog that adds a model: it says what would come before it comes."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.running_server import running
from tests.tiny_checkpoints import write_pickle
from tests.tiny_models import build_tiny_model
from tests.ui.studio import Studio
from tests.web_server import serving

pytestmark = pytest.mark.browser


def test_a_model_is_looked_at_and_added(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = build_tiny_model(tmp_path / "models" / "first")
    files = {
        path.relative_to(source).as_posix(): path.read_bytes()
        for path in source.rglob("*")
        if path.is_file()
    }
    write_pickle(tmp_path / "models" / "checkpoints" / "old.ckpt")
    (tmp_path / "models" / "checkpoints" / "broken.safetensors").write_text("<html>")
    with serving() as remote:
        remote.repository("o/newcomer", files)
        monkeypatch.setenv("INKSTONE_HUB_URL", remote.url)
        monkeypatch.setenv("INKSTONE_DOWNLOAD_PRIVATE", "1")
        with running(tmp_path / "data", models_dir=tmp_path / "models") as server:
            studio = Studio.open(browser, server.ready().url, "zh-CN", (1280, 800))
            dialog = studio.page.locator("#ink-downloads")
            studio.press("add-model")
            expect(dialog.locator(".ink-starters li")).not_to_have_count(0)
            dialog.locator('[name="what"]').fill("o/nothing")
            dialog.locator('[data-part="look"]').click()
            expect(dialog.locator('[data-part="error"]')).to_contain_text("o/nothing")
            expect(dialog.locator('[data-part="begin"]')).to_be_disabled()
            studio.forgive("502")
            dialog.locator('[name="what"]').fill("o/newcomer")
            dialog.locator('[name="what"]').press("Enter")
            expect(dialog.locator('[data-part="offer"]')).to_contain_text("models/checkpoints")
            expect(dialog.locator('[data-part="error"]')).to_be_hidden()
            dialog.locator('[data-part="begin"]').click()
            expect(dialog.locator("[data-state=done]")).to_be_visible()
            expect(studio.page.locator(".ink-note")).to_contain_text("newcomer")
            faulty = dialog.locator("#ink-faulty li")
            expect(faulty).to_contain_text(["broken", "old"])
            expect(faulty.first.locator("button")).to_have_count(0)
            faulty.get_by_role("button", name="转换为 safetensors").click()
            expect(dialog.locator('[data-part="conversion"]')).to_contain_text("old.safetensors")
            expect(faulty.locator("button")).to_have_count(0)
            studio.page.keyboard.press("Escape")
            studio.field("checkpoint").click()
            for name in ("newcomer · SD1", "old · SD1"):
                expect(studio.page.get_by_role("option", name=name)).to_be_visible()
            studio.page.keyboard.press("Escape")
            menus = studio.page.locator(
                "#ink-refiner_checkpoint option, #ink-hires_checkpoint option"
            )
            expect(menus.filter(has_text="old · SD1")).to_have_count(2)
            assert studio.complaints == []
            studio.page.context.close()
