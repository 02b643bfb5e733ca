"""`upscale`, with a real model file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.commands.test_cli import REPOSITORY, run

INFOTEXT = "a cat\nSteps: 5, Sampler: Euler, CFG scale: 5, Seed: 12, Size: 24x16"


def test_pictures_become_larger_and_keep_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, out = tmp_path / "models", tmp_path / "out"
    command = [sys.executable, "-m", "tests.tiny_upscalers", str(models / "upscalers")]
    subprocess.run(command, check=True, cwd=REPOSITORY)
    info = PngInfo()
    info.add_text("parameters", INFOTEXT)
    Image.effect_noise((24, 16), 80).convert("RGB").save(tmp_path / "one.png", pnginfo=info)
    Image.new("RGBA", (24, 16), (200, 0, 0, 90)).save(tmp_path / "two.webp", lossless=True)
    out.mkdir()
    (out / "one.png").write_bytes(b"somebody's")
    pictures = [str(tmp_path / name) for name in ("one.png", "two.webp")]
    given = ("upscale", *pictures, "--models-dir", str(models), "-o", str(out))
    done = run(*given, "-u", "ESRGAN.safetensors", "--width", "60", "--height", "30")
    assert done.returncode == 0, done.stderr
    said = "Postprocess upscale to: 60x30, Postprocess upscaler: esrgan"
    assert done.stdout.splitlines() == [*f"{INFOTEXT}, {said}".splitlines(), said]
    assert sorted(path.name for path in out.iterdir()) == ["one-1.png", "one.png", "two.png"]
    with Image.open(out / "one-1.png") as one, Image.open(out / "two.png") as two:
        assert one.size == two.size == (60, 30)
        assert one.info["parameters"] == f"{INFOTEXT}, {said}"
        assert two.getchannel("A").getextrema() == (90, 90)
    # The folder of the models may stand in the environment, as it may for the server.
    monkeypatch.setenv("INKSTONE_MODELS_DIR", str(models))
    bare = run("upscale", pictures[0], "-o", str(tmp_path / "bare.png"), "-u", "esrgan")
    assert bare.returncode == 0, bare.stderr
    for more, problem in (
        (("-u", "Magic"), "--upscaler: "),
        (("--by", "9"), "--by: "),
        (("--by", "2", "--width", "60"), "--width and --height"),
    ):
        refused = run(*given, *more)
        assert refused.returncode == 2
        assert problem in refused.stderr
