"""Latents to pixels and to previews."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from webui.core.errors import InkstoneError
from webui.core.request import GenerationRequest
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_bundle
from webui.engine.device import cpu_device
from webui.engine.latents import decode, latent_shape, to_pixels
from webui.engine.pipeline import Indices, Watcher, generate
from webui.engine.pipeline import Picture as Finished
from webui.engine.preview import PreviewMap, fit_preview
from webui.engine.samplers import StepEvent


def test_shapes_follow_the_model(tiny: ModelBundle) -> None:
    assert latent_shape(tiny, 128, 64) == (4, 8, 16)


def test_pixels_are_cut_off_not_rounded() -> None:
    values = torch.tensor([-2.0, -1.0, 0.0, 0.999, 1.0, 5.0])
    pixels = to_pixels(values.expand(3, 1, 6))
    assert pixels.shape == (1, 6, 3)
    assert pixels[0, :, 0].tolist() == [0, 0, 127, 254, 255, 255]


def test_decoding_gives_a_picture(tiny: ModelBundle) -> None:
    with torch.inference_mode():
        picture = decode(tiny, torch.randn(4, 8, 16))
    assert picture.shape == (64, 128, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_latents_that_are_not_finite_are_refused(tiny: ModelBundle, value: float) -> None:
    latent = torch.zeros(4, 8, 8)
    latent[0, 0, 0] = value
    with pytest.raises(InkstoneError) as caught:
        decode(tiny, latent)
    assert caught.value.message.key == "error.latent_not_finite"


def test_a_picture_that_overflows_is_refused(tiny: ModelBundle) -> None:
    with torch.inference_mode(), pytest.raises(InkstoneError) as caught:
        decode(tiny, torch.full((4, 8, 8), 3e38))
    assert caught.value.message.key == "error.picture_not_finite"


def test_what_overflows_in_half_precision_is_decoded_in_full(tiny_folder: Path) -> None:
    half = replace(cpu_device(), dtype=torch.float16)
    bundle, full = load_bundle(tiny_folder, half), load_bundle(tiny_folder, cpu_device())
    latent = torch.randn(4, 8, 8) * 1e5
    with torch.inference_mode():
        got, wanted = decode(bundle, latent), decode(full, latent)
        again = decode(bundle, torch.randn(4, 8, 8))
    assert np.abs(got.astype(int) - wanted).max() <= 2
    assert bundle.vae.dtype == torch.float32  # it is known now that this model needs it
    assert again.std() > 0


@pytest.fixture(scope="module")
def preview(starter: ModelBundle) -> PreviewMap:
    return fit_preview(starter)


def test_the_map_shows_the_picture(starter: ModelBundle, preview: PreviewMap) -> None:
    """The preview of the last step is nearer to the finished picture than its mean colour is."""
    latents, pictures = [], []

    class Last(Watcher):
        def on_step(self, indices: Indices, event: StepEvent) -> None:
            latents.append(event.denoised[0])

        def on_picture(self, picture: Finished) -> None:
            pictures.append(picture.pixels)

    request = GenerationRequest(
        prompt="a house", width=128, height=128, steps=12, cfg_scale=5.0, seed=42
    )
    generate(starter, request, watcher=Last())
    small = Image.fromarray(pictures[0]).resize((16, 16), Image.Resampling.BOX)
    wanted = np.asarray(small, dtype=float)
    got = to_pixels(preview.colours(latents[-1])).astype(float)
    assert np.abs(got - wanted).mean() < 0.6 * np.abs(wanted - wanted.mean((0, 1))).mean()


def test_the_fit_is_the_same_every_time(tiny: ModelBundle) -> None:
    first, second = fit_preview(tiny), fit_preview(tiny)
    # LAPACK rounds differently from one place in memory to another.
    assert torch.allclose(first.matrix, second.matrix, rtol=1e-3, atol=1e-5)
    assert torch.allclose(first.offset, second.offset, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("grid", "size"),
    [((16, 16), (128, 128)), ((8, 16), (128, 64)), ((64, 96), (256, 171)), ((256, 1), (1, 256))],
)
def test_previews_are_small_jpegs(
    preview: PreviewMap, grid: tuple[int, int], size: tuple[int, int]
) -> None:
    jpeg = preview.jpeg(torch.randn(4, *grid))
    image = Image.open(io.BytesIO(jpeg))
    assert (image.format, image.size) == ("JPEG", size)
    assert len(jpeg) < 40_000


def test_a_broken_latent_still_has_a_preview(preview: PreviewMap) -> None:
    assert preview.jpeg(torch.full((4, 8, 8), float("nan")))
