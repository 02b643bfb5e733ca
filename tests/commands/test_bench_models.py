"""The measure of recognition counts every file once and by its kind."""

from __future__ import annotations

from pathlib import Path

from tests.model_library import write_library
from tests.tiny_checkpoints import write_checkpoint
from webui.commands.bench_models import measure_recognition
from webui.engine.bench_loading import measure_loading


def test_every_file_is_counted_by_its_kind(tmp_path: Path) -> None:
    files = write_library(tmp_path, 0.01)
    (tmp_path / "broken.safetensors").write_bytes(b"<html>")
    figures = measure_recognition(tmp_path)
    assert figures.files == files + 1
    assert figures.kinds == {
        "checkpoint": 2,
        "lora": 6,
        "embedding": 2,
        "vae": 1,
        "controlnet": 1,
        "refused": 1,
    }
    assert figures.seconds_per_thousand > figures.seconds > 0


def test_loading_is_measured_against_reading(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "one.safetensors", "sd1")
    figures = measure_loading(tmp_path / "one.safetensors", 1)
    assert figures.bytes == (tmp_path / "one.safetensors").stat().st_size
    assert figures.ratio == figures.loaded[0] / figures.read[0] > 0
