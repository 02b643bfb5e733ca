"""The one command: from the icons to a judged model, and in two calls as in one."""

from __future__ import annotations

import json
from pathlib import Path

from recipe.command import app
from recipe.profiles import PROFILES
from typer.testing import CliRunner, Result

from tests.recipe.conftest import FIXTURES


def run(*words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--data", str(FIXTURES / "icons.zip")])


def test_one_command_makes_and_judges_a_model(tmp_path: Path) -> None:
    options = ("--profile", "tiny", "--work", str(tmp_path), "--out", str(tmp_path / "out"))
    options += ("--no-compiled",)
    stopped = run("all", *options, "--minutes", "0")
    assert stopped.exit_code == 0, stopped.output
    assert "run the same command again" in stopped.output
    assert not (tmp_path / "tiny" / "model").exists()

    finished = run("all", *options)
    assert finished.exit_code == 1, finished.output  # a few steps teach nobody to draw
    assert "not good enough: " in finished.output
    kept = json.loads((tmp_path / "tiny" / "model" / "report.json").read_text(encoding="utf-8"))
    assert kept["report"]["subjects"] == 8
    assert kept["failures"]
    card = (tmp_path / "tiny" / "model" / "CARD.md").read_text(encoding="utf-8")
    assert "苹果" in card
    assert "MIT" in card
    assert "(evaluation.jpg)" in card
    assert (tmp_path / "tiny" / "model" / "evaluation.jpg").is_file()
    assert "flat icon" in card
    assert "pixel art" not in card  # the profile has no such pictures
    out = {path.name for path in (tmp_path / "out").iterdir()}
    assert out == {"sheet.png", "model.tar.0", "model.sha256"}

    joined = CliRunner().invoke(app, ["join", str(tmp_path / "out"), str(tmp_path / "again")])
    assert joined.exit_code == 0
    assert (tmp_path / "again" / "model_index.json").is_file()


def test_an_unknown_profile_and_missing_data_are_said(tmp_path: Path) -> None:
    unknown = run("train", "--work", str(tmp_path), "--profile", "huge")
    assert unknown.exit_code == 2
    assert all(name in unknown.output for name in PROFILES)
    nothing = CliRunner().invoke(app, ["train", "--work", str(tmp_path), "--profile", "tiny"])
    assert nothing.exit_code == 2
    assert "missing" in nothing.output
