"""How long a checkpoint's file takes to load, beside how long it takes to read."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from webui.core.events import ModelFiles
from webui.engine.checkpoint import load_model
from webui.engine.device import choose_device
from webui.engine.single_file.reading import BUFFER_BYTES

PAIRS = 3


@dataclass(frozen=True)
class LoadingFigures:
    """`bytes` of the file, and the seconds of each pair: reading into memory, and loading."""

    bytes: int
    read: tuple[float, ...]
    loaded: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median over the pairs of loading in units of reading."""
        return median(loaded / read for loaded, read in zip(self.loaded, self.read, strict=True))


def measure_loading(path: Path, pairs: int = PAIRS) -> LoadingFigures:
    """Reads and loads a single file in turns. A first reading is not counted: it fills the cache.

    Raises:
        ModelFileError: the model cannot be loaded.
    """
    device = choose_device()
    files = ModelFiles(path.name, str(path), kind="file")
    _read(path)
    read: list[float] = []
    loaded: list[float] = []
    for _ in range(pairs):
        read.append(_read(path))
        start = time.perf_counter()
        load_model(files, device)
        loaded.append(time.perf_counter() - start)
    return LoadingFigures(path.stat().st_size, tuple(read), tuple(loaded))


def _read(path: Path) -> float:
    """Seconds that it takes to bring the whole file into memory of ours, read as loading does."""
    start = time.perf_counter()
    room = torch.empty(path.stat().st_size, dtype=torch.uint8).numpy().data
    done = 0
    with path.open("rb", buffering=0) as stream:
        while done < len(room):
            done += stream.readinto(room[done : done + BUFFER_BYTES])
    return time.perf_counter() - start
