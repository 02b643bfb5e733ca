"""`generate`, with the real model that is shipped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.commands.test_cli import run
from webui.core import infotext
from webui.core.request import PARAMETERS

QUICK = ("--steps", "2", "--seed", "42")


def test_a_picture_with_its_infotext(tmp_path: Path) -> None:
    target = tmp_path / "apple.png"
    done = run("generate", "a red apple", "-n", "blue", *QUICK, "-o", str(target))
    assert done.returncode == 0, done.stderr
    with Image.open(target) as picture:
        assert picture.size == (128, 128)  # the model's own size
        saved = picture.info["parameters"]
        request = json.loads(picture.info["inkstone"])
    assert saved == done.stdout.rstrip("\n")
    values = infotext.parse(saved).values()
    assert values["prompt"] == request["prompt"] == "a red apple"
    assert values["negative_prompt"] == "blue"
    assert (values["steps"], values["seed"]) == (2, 42)


def test_several_pictures_get_numbers_and_equal_single_ones(tmp_path: Path) -> None:
    together = run(
        *("generate", "一只猫", *QUICK, "--batch-size", "2", "-o", str(tmp_path / "cat.png"))
    )
    assert together.returncode == 0, together.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cat-1.png", "cat-2.png"]
    alone = run("generate", "一只猫", "--steps", "2", "--seed", "43", "-o", str(tmp_path / "b.png"))
    assert alone.returncode == 0, alone.stderr
    with Image.open(tmp_path / "cat-2.png") as second, Image.open(tmp_path / "b.png") as single:
        assert second.tobytes() == single.tobytes()
        assert second.info["parameters"] == single.info["parameters"]


def test_styles_are_worked_into_the_prompts(tmp_path: Path) -> None:
    file, target = tmp_path / "s.csv", tmp_path / "a.webp"
    file.write_text("name,prompt,negative_prompt\ninner,a {prompt},\nlast,oil,blurry\n", "utf-8")
    given = ("--style", "inner", "--style", "last", "--styles-file", str(file))
    done = run("generate", "cat", *given, *QUICK, "-o", str(target))
    assert done.returncode == 0, done.stderr
    values = infotext.parse(done.stdout).values()
    assert (values["prompt"], values["negative_prompt"]) == ("a cat, oil", "blurry")
    with Image.open(target) as picture:
        assert picture.format == "WEBP"
    refused = run("generate", "cat", "--style", "inmer", "--styles-file", str(file))
    assert refused.returncode != 0
    assert "inner" in refused.stderr


def test_hires_fix_and_tiling(tmp_path: Path) -> None:
    target = tmp_path / "large.png"
    done = run(
        *("generate", "a red apple", *QUICK, "--hires", "--hires-scale", "1.5", "--tiling"),
        *("--hires-upscaler", "Lanczos", "-o", str(target)),
    )
    assert done.returncode == 0, done.stderr
    with Image.open(target) as picture:
        assert picture.size == (192, 192)
    assert "Hires upscale: 1.5" in done.stdout
    assert "Tiling: True" in done.stdout


def test_every_parameter_has_a_flag() -> None:
    page = run("generate", "--help").stdout
    shown = [p for p in PARAMETERS.values() if p.shown and p.name != "prompt"]
    assert not [p.flag for p in shown if p.flag not in page]
    assert "--no-hires " in page
    assert page.index("─ Hires fix ") < page.index("--hires-upscaler")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--steps", "0"),
        ("--steps", "many"),
        ("--cfg-scale", "nan"),
        ("--cfg-scale", "1e400"),
        ("--width", "100"),
        ("--seed", "9" * 5000),
        ("--sampler", "Oiler"),
        ("--checkpoint", "missing"),
        ("--batch-size", "-1"),
        ("--hires-scale", "9"),
        ("--emphasis", "loud"),
        ("--negative-prompt", "(" * 10_000),
    ],
)
def test_bad_input_is_told_at_the_flag_before_anything_is_drawn(
    tmp_path: Path, flag: str, value: str
) -> None:
    done = run("generate", "x", flag, value, "-o", str(tmp_path / "x.png"))
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"{flag}: ")
    assert "error." not in done.stderr
    assert not list(tmp_path.iterdir())


def test_errors_come_in_the_callers_language() -> None:
    english = run("generate", "x", "--steps", "0").stderr
    chinese = run("generate", "x", "--steps", "0", lang="zh_CN.UTF-8").stderr
    assert english != chinese
    assert chinese == run("generate", "x", "--steps", "0", "--lang", "zh-CN").stderr


@pytest.mark.parametrize("target", ["missing/x.png", "x.bmp", "x"])
def test_a_target_that_cannot_be_written_is_told_first(tmp_path: Path, target: str) -> None:
    done = run("generate", "x", *QUICK, "-o", str(tmp_path / target))
    assert done.returncode == 2
    assert done.stderr.startswith("--output: ")


def test_no_model_at_all(tmp_path: Path) -> None:
    done = run("generate", "x", "--models-dir", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("--checkpoint: ")


def test_a_damaged_model_is_named(tmp_path: Path, starter_models: Path) -> None:
    folder = tmp_path / "broken"
    for path in (starter_models / "starter").rglob("*.json"):
        copy = folder / path.relative_to(starter_models / "starter")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    done = run(
        "generate", "x", *QUICK, "--models-dir", str(tmp_path), "-o", str(tmp_path / "x.png")
    )
    assert done.returncode == 1
    assert "broken" in done.stderr
    assert not (tmp_path / "x.png").exists()
