"""The VAE in tiles gives what it gives as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor

from webui.engine import vae
from webui.engine.bundle import ModelBundle
from webui.engine.tiling import tiled
from webui.engine.vae_tiles import decoded_in_tiles, moments_in_tiles


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def apart(a: Tensor, b: Tensor) -> float:
    """The largest difference, as a share of the largest value."""
    assert a.shape == b.shape
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parametrize("wraps", [False, True])
def test_tiles_give_the_whole(tiny: ModelBundle, wraps: bool) -> None:
    """In float32 the largest difference is below a thousandth of a colour's range."""
    latent, image = torch.randn(4, 37, 20), torch.rand(3, 296, 160) * 2 - 1
    with tiled(tiny) if wraps else nullcontext():
        x = latent / tiny.latent_scale
        got = decoded_in_tiles(tiny.vae, x, 10, wraps=wraps)
        assert apart(got, vae.decoded(tiny, latent)) < 1e-3
        means = moments_in_tiles(tiny.vae, image, 10, tiny.vae_factor, wraps=wraps)[:4]
        assert apart(means * tiny.latent_scale, vae.encoded(tiny, image)) < 1e-3


def test_tiles_of_the_shipped_vae_give_the_whole(starter: ModelBundle) -> None:
    """No pixel differs by half a level of 255."""
    latent = torch.randn(4, 16, 40)
    got = decoded_in_tiles(starter.vae, latent / starter.latent_scale, 20, wraps=False)
    assert float((got - vae.decoded(starter, latent)).abs().max()) * 127.5 < 0.5
