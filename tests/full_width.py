"""Checkpoints at full width with random weights of sane sizes, written tensor by tensor.

`python -m tests.full_width FILE [sd1|sd2|sdxl]` writes one in half precision: 2 GB for SD1, 7 GB
for SDXL. It takes as much memory as the largest tensor.
"""

from __future__ import annotations

import json
import sys
from math import prod
from pathlib import Path

import numpy as np

from tests.model_writers import Shapes, sd1_checkpoint, sd2_checkpoint, sdxl_checkpoint

FAMILIES = {"sd1": sd1_checkpoint, "sd2": sd2_checkpoint, "sdxl": sdxl_checkpoint}
POOL = 2**22
"""Random numbers; every tensor takes its own from them, beginning elsewhere."""

FADING = 0.1
"""Of the layers that a residual block adds to its input: deep networks stay calm with it."""

ADDED = ("out_layers.3", "proj_out", "to_out.0", "ff.net.2", "conv2", "out_proj", "fc2", "c_proj")


def write_full_width(path: Path, family: str = "sd1", seed: int = 0) -> Path:
    """Writes a whole checkpoint of a family, as its makers laid it out, in half precision."""
    shapes = FAMILIES[family]()
    header: dict[str, object] = {}
    position = 0
    for name, shape in shapes.items():
        end = position + 2 * prod(shape)
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for weights in _weights(shapes, seed):
            file.write(weights.data)
    return path


def _weights(shapes: Shapes, seed: int):
    random = np.random.default_rng(seed)
    pool = random.standard_normal(POOL, np.float32)
    for name, shape in shapes.items():
        count = prod(shape)
        start = int(random.integers(POOL))
        rows = np.resize(np.roll(pool, -start), count)
        yield np.ascontiguousarray(_scaled(name, shape, rows), np.float16)


def _scaled(name: str, shape: tuple[int, ...], rows: np.ndarray) -> np.ndarray:
    layer, _, kind = name.rpartition(".")
    if len(shape) < 2:
        return (1 + 0.1 * rows) if kind == "weight" else 0.02 * rows
    if "embedding" in name:
        return 0.02 * rows
    size = prod(shape[1:]) ** -0.5
    return rows * (size * FADING if layer.endswith(ADDED) else size)


if __name__ == "__main__":
    write_full_width(Path(sys.argv[1]), *sys.argv[2:])
