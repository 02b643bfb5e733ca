"""A whole SD1 of 2 GB: needs that much disk, three times that much memory and a minute or more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

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


def write_full(path: Path) -> None:
    parts = {prefix: fill(part.half()) for prefix, part in modules("sd1", narrow=False).items()}
    save_file({name: tensor.contiguous() for name, tensor in ldm_state(parts).items()}, path)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_the_peak_of_memory_stays_near_the_size_of_the_file(tmp_path: Path) -> None:
    full, narrow = tmp_path / "full.safetensors", tmp_path / "narrow.safetensors"
    torch.manual_seed(0)
    write_full(full)
    parts = {prefix: fill(part.half()) for prefix, part in modules("sd1").items()}
    save_file({name: tensor.contiguous() for name, tensor in ldm_state(parts).items()}, narrow)
    command = [sys.executable, "-c", LOAD, str(full), str(narrow)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1.3
