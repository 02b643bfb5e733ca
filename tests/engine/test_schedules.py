"""Rows of noise levels against the numbers that users know."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from webui.core.catalogue import BUILTIN
from webui.core.errors import InkstoneError, ModelFileError
from webui.engine.schedules import (
    ddim_row,
    model_sigmas,
    sigmas,
    sigmas_to_timesteps,
    timesteps_to_sigmas,
)

SD1 = model_sigmas({})
GOLDEN = {
    "Uniform": "14.6146 7.8399 4.6092 2.9183 1.9502 1.3449 0.9324 0.6250 0.3687 0.0292 0",
    "Karras": "14.6146 9.1029 5.4784 3.1686 1.7494 0.9141 0.4469 0.2014 0.0819 0.0292 0",
    "Exponential": "14.6146 7.3249 3.6712 1.8400 0.9222 0.4622 0.2317 0.1161 0.0582 0.0292 0",
}


def numbers(text: str) -> list[float]:
    return [float(word) for word in text.split()]


def test_model_levels_are_those_of_sd1() -> None:
    assert SD1.shape == (1000,)
    assert SD1.dtype == torch.float64
    assert float(SD1[0]) == pytest.approx(0.0291675, abs=1e-7)
    assert float(SD1[-1]) == pytest.approx(14.614642, abs=1e-6)
    kept = 1 / (1 + SD1**2)
    assert float(kept[0]) == pytest.approx(0.99915, abs=1e-6)
    assert float(kept[999]) == pytest.approx(0.0046601, abs=1e-7)


@pytest.mark.parametrize("name", GOLDEN)
def test_ten_steps_are_golden(name: str) -> None:
    assert sigmas(name, 10, SD1).tolist() == pytest.approx(numbers(GOLDEN[name]), abs=6e-5)


@given(st.sampled_from(sorted(BUILTIN.schedules)), st.integers(1, 200))
@settings(max_examples=60, deadline=None)
def test_every_row_falls_from_the_top_to_zero(name: str, n: int) -> None:
    row = sigmas(name, n, SD1)
    assert row.shape == (n + 1,)
    assert row.dtype == torch.float64
    assert float(row[0]) == pytest.approx(float(SD1[-1]))
    assert float(row[-1]) == 0
    assert bool((row.diff() < 0).all())


@pytest.mark.parametrize(
    ("n", "entries"), [(20, 20), (30, 31), (7, 8), (10, 10), (1, 2), (150, 167)]
)
def test_ddim_row_has_the_length_that_users_know(n: int, entries: int) -> None:
    row = ddim_row(n, SD1)
    assert len(row) == entries
    assert bool((row.diff() < 0).all())
    assert float(row[-1]) == float(SD1[1])


def test_ddim_row_of_ten_steps_is_golden() -> None:
    golden = numbers("8.3907 5.1344 3.3478 2.2929 1.6237 1.1682 0.8357 0.5741 0.3462 0.0413")
    assert ddim_row(10, SD1).tolist() == pytest.approx(golden, abs=6e-5)


@pytest.mark.parametrize("name", ["Unknown", "", "karras", "Automatic"])
def test_unknown_names_are_refused_with_the_name(name: str) -> None:
    with pytest.raises(InkstoneError) as caught:
        sigmas(name, 10, SD1)
    assert caught.value.message.values["got"] == name
    assert caught.value.message.field == "schedule"


@pytest.mark.parametrize("n", [0, -1])
def test_rows_of_no_steps_are_refused(n: int) -> None:
    with pytest.raises(InkstoneError):
        sigmas("Karras", n, SD1)
    with pytest.raises(InkstoneError):
        ddim_row(n, SD1)


@given(st.lists(st.floats(0, 999), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_timesteps_and_levels_convert_both_ways(values: list[float]) -> None:
    timesteps = torch.tensor(values, dtype=torch.float64)
    back = sigmas_to_timesteps(timesteps_to_sigmas(timesteps, SD1), SD1)
    assert back.tolist() == pytest.approx(values, abs=1e-6)


@pytest.mark.parametrize(("level", "timestep"), [(1e-4, 0.0), (1e4, 999.0)])
def test_levels_outside_the_model_are_held_at_its_ends(level: float, timestep: float) -> None:
    got = sigmas_to_timesteps(torch.tensor(level, dtype=torch.float64), SD1)
    assert float(got) == timestep


@pytest.mark.parametrize(
    "settings_of_scheduler",
    [
        {"beta_schedule": "squaredcos_cap_v2"},
        {"rescale_betas_zero_snr": True},
        {"trained_betas": [0.1]},
        {"beta_start": "x"},
        {"beta_start": 2.0, "beta_end": 3.0},
        {"num_train_timesteps": 0},
        {"beta_start": -1.0},
    ],
)
def test_other_betas_are_refused(settings_of_scheduler: dict[str, object]) -> None:
    with pytest.raises(ModelFileError):
        model_sigmas(settings_of_scheduler)


def test_linear_betas_are_read() -> None:
    levels: Tensor = model_sigmas({"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02})
    kept = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    assert torch.allclose(levels, ((1 - kept) / kept).sqrt(), rtol=1e-3)
