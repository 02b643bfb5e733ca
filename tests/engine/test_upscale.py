"""Enlarging latents and pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from webui.core.catalogue import BUILTIN
from webui.core.errors import InkstoneError
from webui.core.request import GenerationRequest
from webui.engine.bundle import ModelBundle
from webui.engine.hires import enlarger
from webui.engine.latents import decode, encode, latent_shape
from webui.engine.resolve import resolve

LATENT = [spec for spec in BUILTIN.upscalers.values() if spec.latent]
PICTURE = [spec for spec in BUILTIN.upscalers.values() if not spec.latent]


@pytest.mark.parametrize("spec", LATENT, ids=lambda spec: spec.name)
def test_latents_come_out_in_the_size_and_each_for_itself(spec):
    latents = torch.randn(3, 4, 9, 8).to(memory_format=torch.channels_last)
    enlarge = resolve(spec.target)
    batch = enlarge(latents, (13, 20))
    assert batch.shape == (3, 4, 20, 13)
    for index in range(3):
        assert torch.equal(enlarge(latents[index : index + 1], (13, 20))[0], batch[index])
    plain = torch.full((1, 4, 8, 8), 3.0)
    assert torch.allclose(enlarge(plain, (24, 16)), torch.full((1, 4, 16, 24), 3.0))


def test_the_latent_modes_differ():
    latents = torch.randn(1, 4, 9, 8)
    results = [resolve(spec.target)(latents, (5, 13)) for spec in LATENT]
    for index, one in enumerate(results):
        assert not any(torch.equal(one, other) for other in results[index + 1 :])


@pytest.mark.parametrize("spec", PICTURE, ids=lambda spec: spec.name)
def test_pictures_come_out_in_the_size(spec):
    picture = np.zeros((16, 24, 3), np.uint8)
    picture[:, 12:] = 200
    enlarged = resolve(spec.target)(picture, (48, 32))
    assert enlarged.shape == (32, 48, 3)
    assert (enlarged[:, :16] < 30).all()
    assert (enlarged[:, 32:] > 170).all()


def small(**fields: object) -> GenerationRequest:
    return GenerationRequest(width=64, height=64, hires=True, **fields)


@pytest.mark.parametrize("upscaler", ["Latent (nearest)", "Nearest"])
def test_what_reaches_beyond_is_cut_off_in_the_middle(tiny: ModelBundle, upscaler: str) -> None:
    """A picture of 64x64 enlarged for 128x64 covers 128x128; its middle half is kept."""
    latents = torch.randn(2, *latent_shape(tiny, 64, 64))
    way = [
        enlarger(tiny, tiny, small(hires_upscaler=upscaler, **size), BUILTIN)
        for size in ({"hires_width": 128, "hires_height": 64}, {"hires_scale": 2})
    ]
    with torch.inference_mode():
        cut, whole = (one.latents(latents, lambda place: None) for one in way)
    assert whole.shape == (2, 4, 16, 16)
    assert torch.equal(cut, whole[:, :, 4:12])


def test_an_odd_size_becomes_whole_cells(tiny: ModelBundle) -> None:
    latents = torch.randn(1, *latent_shape(tiny, 64, 64))
    for upscaler in ("Latent", "Lanczos"):
        way = enlarger(tiny, tiny, small(hires_upscaler=upscaler, hires_scale=1.55), BUILTIN)
        with torch.inference_mode():
            assert way.latents(latents, lambda place: None).shape == (1, 4, 12, 12)


def test_an_unknown_upscaler_is_named(tiny: ModelBundle) -> None:
    with pytest.raises(InkstoneError) as caught:
        enlarger(tiny, tiny, small(hires_upscaler="Magic"), BUILTIN)
    assert caught.value.message.field == "hires_upscaler"


def test_the_shipped_vae_encodes_what_it_decodes(starter: ModelBundle) -> None:
    picture = np.full((64, 64, 3), 255, np.uint8)
    picture[16:48, 16:48] = (200, 30, 30)
    with torch.inference_mode():
        back = decode(starter, encode(starter, picture))
    assert np.abs(back.astype(int) - picture).mean() < 12
