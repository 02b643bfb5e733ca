"""`app.py merge` as people type it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.tiny_checkpoints import write_checkpoint
from webui.core.model_files.header import read_header


def merge(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    options = ("--models-dir", str(folder / "models"), "--lang", "en")
    command = [sys.executable, "-m", "webui.cli", "merge", *arguments, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_names_and_paths_are_merged(tmp_path: Path) -> None:
    checkpoints = tmp_path / "models" / "checkpoints"
    checkpoints.mkdir(parents=True)
    write_checkpoint(checkpoints / "a.safetensors", "sd1", seed=1, vae=False)
    write_checkpoint(tmp_path / "b.safetensors", "sd1", seed=2)
    outside = str(tmp_path / "b.safetensors")
    done = merge(tmp_path, "a", outside, "-o", "mix", "-m", "0.5", "--precision", "bf16")
    assert done.returncode == 0, done.stderr
    assert "left out" in done.stdout
    assert str(checkpoints / "mix.safetensors") in done.stdout
    header = read_header(checkpoints / "mix.safetensors")
    assert header.tensors["model.diffusion_model.out.2.bias"].dtype == "BF16"
    again = merge(tmp_path, "a", "-o", "mix")
    assert again.returncode == 1
    assert "not overwritten" in again.stderr
    none = merge(tmp_path, "a", "nobody", "-o", str(tmp_path / "x.safetensors"))
    assert none.returncode == 1
    assert "nobody" in none.stderr
