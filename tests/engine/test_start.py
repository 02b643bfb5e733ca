"""The noise that pictures start from and go on with: golden values, seed resize, batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.engine.test_pipeline import drawn, small
from webui.core.seeds import single
from webui.engine.bundle import ModelBundle
from webui.engine.noise import SeededNoise, Variation, laid_centred, spherical_mix
from webui.engine.plan import make_plan
from webui.engine.start import starting_point
from webui.engine.text_encoder import PromptEncoder

CPU = torch.device("cpu")
SHAPE = (4, 8, 8)
LEVEL = torch.tensor(1.0)


def test_variations_are_those_that_users_know() -> None:
    noise = SeededNoise([42, 43], SHAPE, "CPU", CPU, variation=Variation((7, 8), 0.3))
    first, second = (one.flatten().tolist() for one in noise())
    assert first[:4] == pytest.approx([1.58499, 1.39857, 1.53617, -2.14595], abs=1e-5)
    assert second[:2] == pytest.approx([-0.57263, 0.14811], abs=1e-5)
    plain = SeededNoise([42, 43], SHAPE, "CPU", CPU)
    plain()
    assert torch.equal(noise(), plain())


def test_full_strength_is_the_other_noise_and_an_equal_seed_is_the_first() -> None:
    base, other = (SeededNoise([seed], SHAPE, "NV", CPU)()[0] for seed in (1, 2))
    assert torch.allclose(spherical_mix(base, other, 1.0), other, atol=1e-5)
    assert torch.allclose(spherical_mix(base, base, 0.25), base, atol=1e-6)
    near = base * 1.01
    assert torch.allclose(spherical_mix(base, near, 0.25), base * 0.25 + near * 0.75)


@pytest.mark.parametrize("source", ["NV", "CPU"])
def test_ensd_renews_the_streams_after_the_first_noise(source: str) -> None:
    moved = SeededNoise([42], SHAPE, source, CPU, ensd=31337)  # type: ignore[arg-type]
    plain = SeededNoise([42], SHAPE, source, CPU)  # type: ignore[arg-type]
    other = SeededNoise([42 + 31337], SHAPE, source, CPU)  # type: ignore[arg-type]
    assert torch.equal(moved(), plain())
    second = moved()
    assert torch.equal(second, other())
    assert torch.equal(moved(), other())
    if source == "CPU":
        golden = [0.54195, -1.06490, -0.84813]
        assert second.flatten()[:3].tolist() == pytest.approx(golden, abs=1e-5)


def test_resized_noise_lies_in_the_middle() -> None:
    ground = torch.zeros(1, 6, 8)
    small_noise = torch.arange(1.0, 9).reshape(1, 2, 4)
    laid = laid_centred(small_noise, ground)
    assert torch.equal(laid[:, 2:4, 2:6], small_noise)
    assert int((laid != 0).sum()) == 8
    large = torch.arange(1.0, 1 + 10 * 11).reshape(1, 10, 11)
    cropped = laid_centred(large, ground)
    assert torch.equal(cropped[:, :, :7], large[:, 2:8, 2:9])
    # Of an odd excess users know one column more as missing.
    assert torch.equal(cropped[:, :, 7:], ground[:, :, 7:])


def test_seed_resize_draws_at_the_other_size_and_then_at_the_own() -> None:
    resized = SeededNoise([5], SHAPE, "NV", CPU, variation=Variation((9,), 0.0, (4, 4, 8)))
    at_other = SeededNoise([5], (4, 4, 8), "NV", CPU)()[0]
    own = SeededNoise([5], SHAPE, "NV", CPU)
    first = resized()[0]
    assert torch.equal(first, laid_centred(at_other, own()[0]))
    assert torch.equal(resized(), own())
    same = SeededNoise([5], SHAPE, "NV", CPU, variation=Variation((9,), 0.0, SHAPE))
    assert torch.equal(same(), SeededNoise([5], SHAPE, "NV", CPU)())


def start(bundle: ModelBundle, **fields: object) -> Tensor:
    request = small(**fields)
    plan = make_plan(bundle, request, PromptEncoder(bundle))
    return starting_point(plan, request, (0,))[0] / float(plan.sigmas[0])


def test_first_noise_is_scaled_to_the_first_level(tiny: ModelBundle) -> None:
    unit = SeededNoise([5], SHAPE, "NV", CPU)()
    top = float(tiny.sigmas[-1])
    assert torch.allclose(start(tiny), unit)
    assert torch.allclose(start(tiny, sgm_noise_multiplier=True), unit * (1 + top**-2) ** 0.5)
    resized = start(tiny, seed_resize_width=32, seed_resize_height=32)
    assert torch.equal(resized[0, :, 0], start(tiny)[0, :, 0])
    assert not torch.equal(resized, start(tiny))
    assert torch.equal(start(tiny, seed_resize_width=32), start(tiny))


@pytest.mark.parametrize("sampler", ["Euler a", "DPM++ SDE"])
@pytest.mark.parametrize(
    "fields",
    [
        {"variation_seed": 3, "variation_strength": 0.4, "ensd": 31337},
        {"seed_resize_width": 96, "seed_resize_height": 32, "variation_strength": 0.1},
    ],
)
def test_a_batch_is_its_singles(tiny: ModelBundle, sampler: str, fields: dict[str, float]) -> None:
    request = small(sampler=sampler, batch_size=3, **fields)
    batch = drawn(tiny, request)
    again = drawn(tiny, request, (1,))
    assert np.array_equal(again[1], batch[1])
    alone = drawn(tiny, single(request, 2))
    assert np.array_equal(alone[0], batch[2])
    assert not np.array_equal(batch[0], batch[2])


def test_variations_of_a_single_row_of_cells_are_finite() -> None:
    noise = SeededNoise([1], SHAPE, "NV", CPU, variation=Variation((2,), 0.5, (4, 1, 8)))
    assert bool(torch.isfinite(noise()).all())
