"""Random numbers: golden values of the generators that users compare pictures by."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from webui.core.request import MAX_SEED
from webui.engine.noise import SeededNoise, philox_normal

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("seed", "offset", "shape", "first"),
    [
        (0, 0, (4, 64, 64), [-0.92466, -0.42534, -2.64385, 0.14518, -0.12087, -0.57973]),
        (0, 1, (4, 64, 64), [0.18083, -0.55226, 0.92381]),
        (1234567890123, 0, (4, 8, 8), [0.47459, 0.83968, -0.76428, -1.03882]),
    ],
)
def test_philox_draws_what_cuda_draws(
    seed: int, offset: int, shape: tuple[int, ...], first: list[float]
) -> None:
    got = philox_normal(seed, offset, shape)
    assert got.shape == shape
    assert got.dtype == np.float32
    assert got.ravel()[: len(first)] == pytest.approx(first, abs=1e-5)


@pytest.mark.parametrize(
    ("seed", "shape", "draw", "first"),
    [
        (0, (4, 64, 64), 0, [-1.12584, -1.15236, -0.25058, -0.43388, 0.84871, 0.69201]),
        (42, (4, 8, 8), 0, [1.92692, 1.48728, 0.90072, -2.10552]),
        (42, (4, 8, 8), 1, [-0.68548, 0.56356, -1.50718]),
    ],
)
def test_cpu_source_draws_what_torch_draws(
    seed: int, shape: tuple[int, int, int], draw: int, first: list[float]
) -> None:
    noise = SeededNoise([seed], shape, "CPU", CPU)
    for _ in range(draw):
        noise()
    assert noise()[0].flatten()[: len(first)].tolist() == pytest.approx(first, abs=1e-5)


@given(st.integers(0, MAX_SEED), st.integers(0, 500))
@settings(max_examples=30, deadline=None)
def test_philox_is_finite_and_about_normal(seed: int, offset: int) -> None:
    drawn = philox_normal(seed, offset, (4, 32, 32))
    assert np.isfinite(drawn).all()
    assert abs(drawn.mean()) < 0.1
    assert abs(drawn.std() - 1) < 0.1


@given(st.integers(0, MAX_SEED))
@settings(max_examples=20, deadline=None)
def test_philox_elements_do_not_depend_on_the_size_of_the_draw(seed: int) -> None:
    small, large = philox_normal(seed, 3, (10,)), philox_normal(seed, 3, (1000,))
    assert (small == large[:10]).all()


@pytest.mark.parametrize("source", ["NV", "CPU", "GPU"])
def test_a_batch_draws_what_its_single_pictures_draw(source: str) -> None:
    shape = (4, 8, 8)
    batch = SeededNoise([7, 8], shape, source, CPU)  # type: ignore[arg-type]
    singles = [SeededNoise([seed], shape, source, CPU) for seed in (7, 8)]  # type: ignore[arg-type]
    for _ in range(3):
        assert torch.equal(batch(), torch.cat([single() for single in singles]))


def test_draws_follow_one_another() -> None:
    noise = SeededNoise([5], (4, 8, 8), "NV", CPU)
    first, second = noise(), noise()
    assert not torch.equal(first, second)
    assert torch.equal(second[0], torch.from_numpy(philox_normal(5, 1, (4, 8, 8))))
