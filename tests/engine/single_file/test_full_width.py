"""Whole files of SD1 (2 GB) and SDXL (7 GB): need that disk, up to 17 GB of memory, and minutes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.full_width import write_full_width
from tests.tiny_checkpoints import fill, ldm_state, modules

pytestmark = [
    pytest.mark.slow,
    pytest.mark.full_width,
    pytest.mark.skipif(
        os.environ.get("INKSTONE_FULL_WIDTH") != "1", reason="needs INKSTONE_FULL_WIDTH=1"
    ),
    pytest.mark.timeout(1800),
]

LOAD = """
import dataclasses, pathlib, sys
import torch
from webui.core.model_files.header import read_header
from webui.engine.device import cpu_device
from webui.engine.families import FAMILIES
from webui.engine.single_file.load import load_file

def figure(name):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))

path, narrow = (pathlib.Path(argument) for argument in sys.argv[1:])
device = dataclasses.replace(cpu_device(), dtype=torch.float16)
load_file(read_header(narrow), FAMILIES["sd1"], device)  # what the libraries take for themselves
before = figure("VmRSS")
parts = load_file(read_header(path), FAMILIES["sd1"], device)
assert parts.unknown == ()
sys.stdout.write(str((figure("VmHWM") - before) / path.stat().st_size))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_the_peak_of_memory_stays_near_the_size_of_the_file(tmp_path: Path) -> None:
    full, narrow = tmp_path / "full.safetensors", tmp_path / "narrow.safetensors"
    write_full_width(full)
    torch.manual_seed(0)
    parts = {prefix: fill(part.half()) for prefix, part in modules("sd1").items()}
    save_file({name: tensor.contiguous() for name, tensor in ldm_state(parts).items()}, narrow)
    command = [sys.executable, "-c", LOAD, str(full), str(narrow)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1.3


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_a_picture_is_that_of_diffusers(family: str, tmp_path: Path) -> None:
    file, result = tmp_path / f"{family}.safetensors", tmp_path / "drawn.npz"
    write_full_width(file, family)
    for whose in ("ours", "theirs"):
        command = [sys.executable, "-m", "tests.full_width_picture", whose, family, file, result]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    ours, theirs = np.load(result), np.load(result.with_suffix(".theirs.npz"))
    for name in ("latents", "image"):
        largest = np.abs(theirs[name]).max()
        assert 0.1 < largest < 100
        assert np.abs(ours[name] - theirs[name]).max() / largest < 1e-4
