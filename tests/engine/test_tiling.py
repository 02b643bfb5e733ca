"""Pictures whose opposite edges meet."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.engine.test_pipeline import drawn, small
from webui.engine.bundle import ModelBundle
from webui.engine.pipeline import Watcher, generate
from webui.engine.tiling import tiled
from webui.engine.vae import decoded


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def state(bundle: ModelBundle) -> list[tuple[object, ...]]:
    """All that could have been changed: flags and weights."""
    found: list[tuple[object, ...]] = []
    for part in (bundle.unet, bundle.vae):
        for module in part.modules():
            if isinstance(module, nn.Conv2d):
                weight = module.weight.data_ptr(), float(module.weight.double().sum())
                pads = tuple(module._reversed_padding_repeated_twice)
                found.append((module.padding_mode, module.padding, pads, *weight))
            elif hasattr(module, "padding"):
                found.append((module.padding,))
    return found


def shifted(x: Tensor, down: int, right: int) -> Tensor:
    return x.roll((down, right), (-2, -1))


@pytest.mark.parametrize("circular", [True, False])
def test_unet_and_vae_know_no_edge(tiny: ModelBundle, circular: bool) -> None:
    x, told = torch.randn(1, 4, 8, 12), torch.randn(1, 77, 32)
    picture = torch.rand(1, 3, 64, 96) * 2 - 1

    def noise(latents: Tensor) -> Tensor:
        return tiny.unet(latents, 500, told, return_dict=False)[0]

    def encoded(image: Tensor) -> Tensor:
        return tiny.vae.encode(image).latent_dist.mode()

    def compare() -> tuple[float, ...]:
        pairs = (
            (noise(shifted(x, 2, 4)), shifted(noise(x), 2, 4)),
            (decoded(tiny, shifted(x[0], 3, 5)), shifted(decoded(tiny, x[0]), 24, 40)),
            (encoded(shifted(picture, 8, 24)), shifted(encoded(picture), 1, 3)),
        )
        return tuple(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)

    if not circular:
        assert min(compare()) > 1e-3
        return
    with tiled(tiny):
        assert max(compare()) < 1e-4


def test_everything_is_as_before_also_after_a_fault(tiny: ModelBundle) -> None:
    class Stops(Watcher):
        def on_step(self, *_: object) -> None:
            raise ZeroDivisionError

    before, plain = state(tiny), drawn(tiny, small())[0]
    wrapped = drawn(tiny, small(tiling=True))[0]
    assert not np.array_equal(wrapped, plain)
    with pytest.raises(ZeroDivisionError):
        generate(tiny, small(tiling=True), None, Stops())
    with tiled(tiny), tiled(tiny):
        assert state(tiny) != before
    assert state(tiny) == before
    assert np.array_equal(drawn(tiny, small())[0], plain)


def test_the_edges_of_a_tiled_picture_meet(starter: ModelBundle) -> None:
    """The step over an edge is as large as those inside, and much larger without tiling."""

    def step_over(tiling: bool) -> float:
        fields = {
            "prompt": "a house on a green background",
            "width": 128,
            "height": 128,
            "steps": 6,
        }
        picture = drawn(starter, small(**fields, cfg_scale=5.0, tiling=tiling))[0].astype(float)
        inside = np.abs(np.diff(picture, axis=0)).mean()
        rows, columns = picture[0] - picture[-1], picture[:, 0] - picture[:, -1]
        return float(max(np.abs(rows).mean(), np.abs(columns).mean()) / inside)

    assert step_over(True) < 1.5
    assert step_over(False) > 2.5
