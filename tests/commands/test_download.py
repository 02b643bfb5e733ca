"""`download` as a person calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.test_cli import run
from tests.model_writers import SD1, kohya_lora, write_model
from tests.web_server import serving


def test_a_model_comes_with_words_about_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lora = write_model(tmp_path / "x", kohya_lora(SD1, rank=1)).read_bytes()
    models = tmp_path / "models"
    with serving() as remote:
        remote.repository("o/style", {"ink.safetensors": lora}, "openrail")
        monkeypatch.setenv("INKSTONE_HUB_URL", remote.url)
        monkeypatch.setenv("INKSTONE_DOWNLOAD_PRIVATE", "1")
        done = run("download", "o/style", "--models-dir", str(models))
        assert done.returncode == 0, done.stderr
        assert "ink.safetensors: sd1 lora" in done.stdout
        assert "openrail" in done.stdout
        assert (models / "lora" / "ink.safetensors").read_bytes() == lora
        again = run("download", "o/style", "--models-dir", str(models), lang="zh_CN.UTF-8")
        assert again.returncode == 1
        assert "不会覆盖" in again.stderr
    wrong = run("download", "no such thing", "--models-dir", str(models))
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("--what: ")
