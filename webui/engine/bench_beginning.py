"""What a picture to begin with costs: img2img against txt2img of the same steps and size."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import torch
from PIL import Image

from webui.core.events import Phase
from webui.core.passes import pass_steps
from webui.core.request import GenerationRequest
from webui.engine.bench import seconds
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_bundle
from webui.engine.device import Device, choose_device
from webui.engine.latents import Pixels, encode
from webui.engine.pipeline import Picture, Watcher, generate

ANY_NAME = "0" * 64
STRENGTHS = (0.75, 0.5)


@dataclass(frozen=True)
class BeginningCost:
    """Medians of paired runs of one denoising strength, in seconds.

    Of a picture from noise, and its `steps` steps alone; of one from a picture, which makes
    `walked` of them; and of encoding a picture.
    """

    strength: float
    steps: int
    walked: int
    from_noise: float
    steps_alone: float
    from_picture: float
    encoding: float

    @property
    def expected(self) -> float:
        """The steps' share of a picture from noise, what comes before and after, one encoding."""
        share = self.walked / self.steps
        return self.from_noise - self.steps_alone * (1 - share) + self.encoding

    @property
    def ratio(self) -> float:
        """What a picture from a picture takes, in units of what is expected."""
        return self.from_picture / self.expected


class Stopwatch(Watcher):
    """Times the steps of pictures, and keeps the pictures."""

    def __init__(self) -> None:
        self.pictures: list[Pixels] = []
        self.steps_alone = 0.0
        self._began = 0.0

    def on_phase(self, phase: Phase, index: int) -> None:
        """Steps lie between the beginning of one phase and that of another."""
        if phase == "denoise":
            self._began = time.perf_counter()
        elif phase == "decode":
            self.steps_alone = time.perf_counter() - self._began

    def on_picture(self, picture: Picture) -> None:
        """Keeps it."""
        self.pictures.append(picture.pixels)


def beginning_costs(
    folder: Path,
    *,
    width: int,
    height: int,
    steps: int = 20,
    runs: int = 7,
    strengths: tuple[float, ...] = STRENGTHS,
    device: Device | None = None,
) -> list[BeginningCost]:
    """Measures each strength. Runs take turns; one of each before the first is not counted.

    Raises:
        ModelFileError: if the model cannot be loaded.
    """
    bundle = load_bundle(folder, device or choose_device())
    request = GenerationRequest(
        prompt="a red apple", sampler="Euler", width=width, height=height, steps=steps
    )
    return [cost(bundle, request, strength, runs) for strength in strengths]


def cost(
    bundle: ModelBundle, request: GenerationRequest, strength: float, runs: int
) -> BeginningCost:
    """Paired runs of one strength."""
    begun = request.model_copy(update={"init_image": ANY_NAME, "denoising_strength": strength})
    rows: list[tuple[float, float, float, float]] = []
    for _ in range(runs + 1):
        watch = Stopwatch()
        from_noise = seconds(partial(generate, bundle, request, watcher=watch))
        [pixels] = watch.pictures
        images = {"init_image": png(pixels)}
        from_picture = seconds(partial(generate, bundle, begun, images=images))
        encoding = seconds(partial(encoded, bundle, pixels))
        rows.append((from_noise, watch.steps_alone, from_picture, encoding))
    columns = (median(column) for column in zip(*rows[1:], strict=True))
    return BeginningCost(strength, request.steps, pass_steps(begun)[0], *columns)


@torch.inference_mode()
def encoded(bundle: ModelBundle, pixels: Pixels) -> None:
    """Encodes a picture, and waits for the device to be done."""
    encode(bundle, pixels).cpu()


def png(pixels: Pixels) -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
