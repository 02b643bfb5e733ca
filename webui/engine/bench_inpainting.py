"""What painting a part of a picture takes in memory, and how well it joins the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import torch

from webui.core.request import GenerationRequest
from webui.engine.bench_beginning import ANY_NAME, Stopwatch, png
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_bundle
from webui.engine.device import Device, choose_device
from webui.engine.inpainting.masks import FULL, Mask
from webui.engine.inpainting.seams import seam
from webui.engine.latents import Pixels
from webui.engine.pipeline import generate

LARGE = 4096
LOOK = 0.001
"""Seconds between two looks at a process's memory."""

EDGES = {
    "hard": {"mask_blur": 0},
    "blurred": {"mask_blur": 4},
    "soft": {"mask_blur": 4, "soft_inpainting": True},
}


@dataclass(frozen=True)
class PaintingFigures:
    """Memory in bytes, and seams as of `webui.engine.inpainting.seams`.

    small, large: sides of two pictures of which a part is painted at the size `small`. picture:
    what the large one takes by itself. extra: how much higher the memory in use climbs for the
    large one. hard, blurred, soft: seams by the kind of the mask's edge.
    """

    small: int
    large: int
    picture: int
    extra: int
    hard: float
    blurred: float
    soft: float

    @property
    def times(self) -> float:
        """The extra memory in units of the picture's own."""
        return self.extra / self.picture


def painting_figures(
    folder: Path, *, width: int, height: int, large: int = LARGE, device: Device | None = None
) -> PaintingFigures:
    """Measures a model at its own size.

    Raises:
        ModelFileError: if the model cannot be loaded.
    """
    bundle = load_bundle(folder, device or choose_device())
    small = min(width, height)
    request = GenerationRequest(
        prompt="a red apple", sampler="Euler", steps=8, width=width, height=height,
        init_image=ANY_NAME, mask=ANY_NAME, denoising_strength=0.75,
    )  # fmt: skip
    cut = request.model_copy(update={"inpaint_area": "Only masked", "steps": 1})
    drawn(bundle, cut, begun(cut, small))
    low, high = (peak(partial(drawn, bundle, cut, begun(cut, side))) for side in (small, large))
    images = begun(request, small)
    mask = spot(request, small)
    seams = {
        edge: seam(drawn(bundle, request.model_copy(update=fields), images), mask)
        for edge, fields in EDGES.items()
    }
    return PaintingFigures(small, large, large**2 * 3, max(high - low, 0), **seams)


def begun(request: GenerationRequest, side: int) -> dict[str, bytes]:
    """A square picture that grows lighter to the right, and its mask, encoded."""
    slope = np.linspace(60, 200, side, dtype=np.uint8)
    picture = np.repeat(np.tile(slope, (side, 1))[..., None], 3, axis=2)
    return {"init_image": png(picture), "mask": png(spot(request, side))}


def spot(request: GenerationRequest, side: int) -> Mask:
    """A mask of a square in the middle of a square picture."""
    mask = np.zeros((side, side), np.uint8)
    reach = min(request.width, request.height, side) // 4
    middle = slice(side // 2 - reach, side // 2 + reach)
    mask[middle, middle] = FULL
    return mask


def drawn(bundle: ModelBundle, request: GenerationRequest, images: dict[str, bytes]) -> Pixels:
    """The request's only picture."""
    watch = Stopwatch()
    generate(bundle, request, None, watch, images=images)
    return watch.pictures[0]


def peak(action: Callable[[], object]) -> int:
    """The most bytes in use while the action runs: by the process, and on the GPU if there is one.

    The process's are looked at every millisecond.
    """
    process = psutil.Process()
    done = threading.Event()
    highest = 0

    def look() -> None:
        nonlocal highest
        while not done.wait(LOOK):
            highest = max(highest, process.memory_info().rss)

    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        action()
    finally:
        done.set()
        watcher.join()
    return highest + (torch.cuda.max_memory_allocated() if on_gpu else 0)
