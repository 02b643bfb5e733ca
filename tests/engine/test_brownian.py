"""Brownian noise against torchsde's own tree, and what makes it noise."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torchsde import BrownianTree

from webui.core.request import FIXED_CHOICES, NoiseSource
from webui.engine.brownian import BrownianNoise, BrownianPath, draw_from
from webui.engine.model_levels import model_sigmas
from webui.engine.schedules import karras

SHAPE = (4, 8, 8)
ROW = karras(12, model_sigmas({}))
LOW, HIGH = float(ROW[-2]), float(ROW[0])
CPU = torch.device("cpu")


def noise(seeds: list[int], source: NoiseSource = "CPU", row: Tensor = ROW) -> BrownianNoise:
    return BrownianNoise(seeds, SHAPE, source, CPU, row)


@pytest.mark.parametrize("seed", [0, 5, 2**40 + 3])
def test_the_path_is_torchsdes(seed: int) -> None:
    """The source CPU draws as their own program does."""
    tree = BrownianTree(LOW, torch.zeros(SHAPE), HIGH, entropy=seed)
    path = BrownianPath(LOW, HIGH, seed, draw_from("CPU", SHAPE, CPU))
    for high, low in pairwise(ROW[:-1].tolist()):
        wanted = tree(low, high)
        # Theirs is in float32.
        assert torch.allclose(path.increment(low, high), wanted.double(), atol=2e-5, rtol=1e-5)
    middle = (HIGH * LOW) ** 0.5
    assert torch.allclose(path.increment(middle, HIGH), tree(middle, HIGH).double(), atol=2e-5)


def test_noise_down_the_row_is_k_diffusions() -> None:
    """Downwards its sign is turned, and it is scaled to unit variance."""
    tree = BrownianTree(LOW, torch.zeros(SHAPE), HIGH, entropy=7)
    here, there = ROW[3], ROW[4]
    wanted = -tree(float(there), float(here)) / (here - there).sqrt()
    assert torch.allclose(noise([7])(here, there)[0], wanted.float(), atol=2e-5)


@pytest.mark.parametrize("source", FIXED_CHOICES["noise_sources"])
def test_a_batch_is_its_singles(source: NoiseSource) -> None:
    batch, single = noise([3, 4], source), noise([4], source)
    for here, there in pairwise(ROW[:-1]):
        assert torch.equal(batch(here, there)[1], single(here, there)[0])
    assert not torch.equal(batch(ROW[0], ROW[1])[0], batch(ROW[0], ROW[1])[1])


def test_the_path_is_the_same_whatever_was_asked_before() -> None:
    asked, fresh = noise([1]), noise([1])
    for index in (5, 0, 8, 3):
        asked(ROW[index], ROW[index + 1])
    assert torch.equal(asked(ROW[2], ROW[6]), fresh(ROW[2], ROW[6]))


def test_two_steps_are_one_long_one() -> None:
    """Increments add up: what more steps change is not the path."""
    path = noise([1])
    first, second, whole = path(ROW[2], ROW[5]), path(ROW[5], ROW[6]), path(ROW[2], ROW[6])
    lengths = [float(a - b) ** 0.5 for a, b in ((ROW[2], ROW[5]), (ROW[5], ROW[6]))]
    total = float(ROW[2] - ROW[6]) ** 0.5
    assert torch.allclose(first * lengths[0] + second * lengths[1], whole * total, atol=1e-5)


def test_steps_have_unit_variance_and_are_independent() -> None:
    path = BrownianNoise([9], (4, 64, 64), "NV", CPU, ROW)
    drawn = [path(here, there).flatten() for here, there in pairwise(ROW[:-1])]
    for values in drawn:
        assert float(values.std()) == pytest.approx(1, abs=0.03)
        assert float(values.mean()) == pytest.approx(0, abs=0.04)
    together = torch.corrcoef(torch.stack(drawn)).fill_diagonal_(0)
    assert float(together.abs().max()) < 0.05


def test_a_row_of_one_level_can_be_made() -> None:
    assert noise([1], row=karras(1, model_sigmas({}))) is not None
