"""SD upscale with a real model: tiles are pictures that begin with parts of an enlarged one."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.engine.test_pipeline import Recorder, small
from webui.core.errors import Cancelled, InkstoneError, InvalidRequest, OutOfMemory, Skipped
from webui.core.events import Phase
from webui.core.request import GenerationRequest
from webui.core.tile_grid import tile_grid
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_bundle
from webui.engine.device import cpu_device
from webui.engine.latents import Pixels, decode, encode
from webui.engine.pipeline import Indices, generate
from webui.engine.samplers import StepEvent
from webui.engine.sd_upscale.mosaic import Cutter, Mosaic
from webui.engine.upscale import Enlarge, Size, lanczos

NAME = "0" * 64
PHOTO = np.random.default_rng(3).integers(0, 256, (48, 64, 3), np.uint8)
"""Twice as large it takes three rows of two tiles of 64 pixels."""


class Tiler(Recorder):
    """Notes tiles as well."""

    def __init__(self) -> None:
        super().__init__()
        self.tiles: list[tuple[int, Indices, int]] = []

    def on_tiles(self, index: int, tiles: Indices, count: int) -> None:
        self.tiles.append((index, tiles, count))


def upscaled(**fields: Any) -> GenerationRequest:
    defaults = {"init_image": NAME, "tile_upscale": True, "tile_overlap": 16, "steps": 2}
    return small(**{**defaults, "denoising_strength": 0.4, **fields})


def run(
    bundle: ModelBundle, request: GenerationRequest, photo: Pixels = PHOTO, **given: Any
) -> Tiler:
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, format="PNG")
    recorder = given.pop("watcher", None) or Tiler()
    generate(bundle, request, None, recorder, images={"init_image": buffer.getvalue()}, **given)
    return recorder


def drawn(
    bundle: ModelBundle, request: GenerationRequest, photo: Pixels = PHOTO, **given: Any
) -> Pixels:
    return run(bundle, request, photo, **given).pictures[0]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"color_correction": True, "noise_multiplier": 0.9, "extra_noise": 0.1},
        {"variation_strength": 0.3, "variation_seed": 9, "sampler": "DPM++ SDE"},
    ],
)
def test_one_tile_is_img2img_of_the_enlarged_picture(
    tiny: ModelBundle, fields: dict[str, Any]
) -> None:
    larger = lanczos(PHOTO, (128, 96))
    plain = upscaled(tile_upscale=False, width=128, height=96, **fields)
    tiled = upscaled(width=128, height=96, **fields)
    assert np.array_equal(drawn(tiny, tiled), drawn(tiny, plain, larger))
    # A tile is no larger than the picture: asked for more, the same is drawn.
    assert np.array_equal(drawn(tiny, upscaled(width=512, height=512, **fields)),
                          drawn(tiny, plain, larger))  # fmt: skip


def test_tiles_are_pictures_of_their_parts_with_seeds_that_are_counted_up(
    tiny: ModelBundle,
) -> None:
    request = upscaled(seed=40)
    grid = tile_grid((64, 48), request)
    assert (grid.size, grid.columns, grid.rows) == ((128, 96), (0, 32, 64), (0, 32))
    cutter, mosaic = Cutter(lanczos(PHOTO, grid.size), grid), Mosaic(grid)
    for number in range(grid.count):
        plain = upscaled(tile_upscale=False, seed=40 + number)
        mosaic.lay(number, drawn(tiny, plain, cutter.cut(number)))
    heard = run(tiny, request)
    assert np.array_equal(heard.pictures[0], mosaic.picture())
    assert heard.tiles == [(0, (number,), 6) for number in range(6)]
    assert heard.steps == [((0,), 1, 1)] * 6
    decoded: list[Phase] = ["decode"] * 6
    phases: list[Phase] = ["upscale", "encode", "denoise", *decoded]
    assert heard.phases == [(phase, 0) for phase in phases]


@pytest.mark.parametrize("sampler", ["Euler a", "DPM++ 2M SDE"])
def test_a_batch_of_tiles_is_its_single_tiles(tiny: ModelBundle, sampler: str) -> None:
    request = upscaled(sampler=sampler, steps=4, tile_upscaler="Nearest")
    batch = run(tiny, request.model_copy(update={"batch_size": 4}))
    assert [tiles for _, tiles, _ in batch.tiles] == [(0, 1, 2, 3), (4, 5)]
    assert np.array_equal(batch.pictures[0], drawn(tiny, request))


def test_each_picture_of_the_job_has_the_next_seed(tiny: ModelBundle) -> None:
    heard = run(tiny, upscaled(batch_count=2, batch_size=8))
    assert heard.seeds == {0: 5, 1: 6}
    assert np.array_equal(heard.pictures[1], drawn(tiny, upscaled(seed=6)))
    assert not np.array_equal(heard.pictures[0], heard.pictures[1])


def test_without_a_step_the_vae_alone_is_seen_and_no_seam(tiny: ModelBundle) -> None:
    """What the model does not touch comes together as it was cut, apart from the VAE's edges."""
    flat = np.full((48, 64, 3), (90, 140, 60), np.uint8)
    request = upscaled(denoising_strength=0, exact_steps=True)
    heard = run(tiny, request, flat)
    assert heard.steps == []
    with torch.inference_mode():
        tile = decode(tiny, encode(tiny, np.full((64, 64, 3), (90, 140, 60), np.uint8)))
    grid = tile_grid((64, 48), request)
    mosaic = Mosaic(grid)
    for number in range(grid.count):
        mosaic.lay(number, tile)
    assert np.array_equal(heard.pictures[0], mosaic.picture())


def test_upscalers_by_name_and_none(tiny: ModelBundle) -> None:
    asked: list[tuple[Size, Size]] = []

    def model(picture: Pixels, size: Size) -> Pixels:
        asked.append((picture.shape[1::-1], size))
        return lanczos(picture, size)

    models: dict[str, Enlarge] = {"ESRGAN": model}
    named = drawn(tiny, upscaled(tile_upscaler="ESRGAN", tile_scale=1.5), upscalers=models)
    assert asked == [((64, 48), (96, 72))]
    assert np.array_equal(named, drawn(tiny, upscaled(tile_scale=1.5)))
    assert drawn(tiny, upscaled(tile_upscaler="None"), PHOTO[:, :50]).shape == (48, 50, 3)
    with pytest.raises(InkstoneError, match=r"error\.unknown_name"):
        drawn(tiny, upscaled(tile_upscaler="Latent"))


def test_models_for_instructions_are_shown_their_own_tile(tiny_folder: Path) -> None:
    """Each tile of a batch beside its own noise, with both sides of the guidance."""
    bundle = load_bundle(tiny_folder, cpu_device())
    bundle.unet.conv_in = torch.nn.Conv2d(8, bundle.unet.conv_in.out_channels, 3, padding=1)
    bundle = replace(bundle, variant="ip2p")
    request = upscaled(image_cfg_scale=1.2)
    batch = drawn(bundle, request.model_copy(update={"batch_size": 3}))
    assert np.array_equal(batch, drawn(bundle, request))
    larger = lanczos(PHOTO, (128, 96))
    plain = upscaled(tile_upscale=False, width=128, height=96, image_cfg_scale=1.2)
    whole = upscaled(width=128, height=96, image_cfg_scale=1.2)
    assert np.array_equal(drawn(bundle, whole), drawn(bundle, plain, larger))


class Stopper(Tiler):
    """Gives up at the second tile of the first picture, or runs out of memory."""

    def __init__(self, fault: type[Exception]) -> None:
        super().__init__()
        self.fault = fault

    def on_step(self, indices: Indices, event: StepEvent) -> None:
        super().on_step(indices, event)
        if len(self.steps) == 2 and self.fault is not OutOfMemory:
            raise self.fault

    def on_tiles(self, index: int, tiles: Indices, count: int) -> None:
        super().on_tiles(index, tiles, count)
        if len(tiles) > 2 and self.fault is OutOfMemory:
            raise OutOfMemory("error.out_of_memory")


def test_stopping_skipping_and_too_little_memory(tiny: ModelBundle) -> None:
    request = upscaled(batch_count=2)
    with pytest.raises(Cancelled):
        run(tiny, request, watcher=(stopped := Stopper(Cancelled)))
    assert (stopped.pictures, len(stopped.tiles)) == ({}, 2)
    skipped = run(tiny, request, watcher=Stopper(Skipped))
    assert (skipped.skipped, list(skipped.pictures)) == ([(0,)], [1])
    short = run(tiny, upscaled(batch_size=6), watcher=Stopper(OutOfMemory))
    assert [len(tiles) for _, tiles, _ in short.tiles] == [6, 3, 2, 2, 2]
    assert np.array_equal(short.pictures[0], drawn(tiny, upscaled()))


def test_what_would_be_too_large_is_refused_before_anything_is_drawn(tiny: ModelBundle) -> None:
    heard = Tiler()
    with pytest.raises(InvalidRequest, match=r"error\.tile_size"):
        run(tiny, upscaled(tile_scale=4), np.zeros((8, 8192, 3), np.uint8), watcher=heard)
    assert heard.phases == [("upscale", 0)]
