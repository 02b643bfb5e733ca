"""Rows of noise levels against the numbers that users know."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaincinv
from torch import Tensor

from webui.core.catalogue import BUILTIN
from webui.core.errors import InkstoneError, ModelFileError
from webui.engine.model_levels import LAST_ABAR, model_sigmas, zero_terminal
from webui.engine.schedules import (
    ddim_row,
    distilled_timesteps,
    sigmas,
    sigmas_to_timesteps,
    timesteps_to_sigmas,
    unipc_row,
)
from webui.engine.schedules_fitted import beta_quantiles

SD1 = model_sigmas({})
GOLDEN = {
    "Uniform": "14.6146 7.8399 4.6092 2.9183 1.9502 1.3449 0.9324 0.6250 0.3687 0.0292 0",
    "Karras": "14.6146 9.1029 5.4784 3.1686 1.7494 0.9141 0.4469 0.2014 0.0819 0.0292 0",
    "Exponential": "14.6146 7.3249 3.6712 1.8400 0.9222 0.4622 0.2317 0.1161 0.0582 0.0292 0",
    "Normal": "14.6146 7.8399 4.6092 2.9183 1.9502 1.3449 0.9324 0.6250 0.3687 0.0292 0",
    "Polyexponential": "14.6146 7.3249 3.6712 1.8400 0.9222 0.4622 0.2317 0.1161 0.0582 0.0292 0",
    "SGM Uniform": "14.6146 8.3072 5.0924 3.3251 2.2797 1.6156 1.1629 0.8319 0.5712 0.3437 0",
    "KL Optimal": "14.6146 4.5650 2.6329 1.7864 1.2948 0.9616 0.7116 0.5094 0.3356 0.1783 0.0292",
    "Align Your Steps": "14.615 6.1135 3.5651 2.3939 1.6500 1.1358 0.7425 0.4450 0.1692 0.0290 0",
    "Simple": "14.6146 8.3028 5.0878 3.3211 2.2765 1.6129 1.1606 0.8299 0.5693 0.3417 0",
    "Turbo": "14.6146 8.3028 5.0878 3.3211 2.2765 1.6129 1.1606 0.8299 0.5693 0.3417 0",
    "DDIM": "8.3907 5.1344 3.3478 2.2929 1.6237 1.1682 0.8357 0.5741 0.3462 0.0413 0",
    "Beta": "14.6146 13.9278 12.4910 10.5976 8.4424 6.2014 4.0462 2.1528 0.7160 0.0292 0",
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
    assert row.dtype == torch.float64
    assert bool((row.diff() < 0).all())
    if name == "DDIM":
        assert float(row[-2]) == float(SD1[1])
    else:
        assert row.shape == (n + 1,)
        assert float(row[0]) == pytest.approx(float(SD1[-1]), rel=1e-4)
    assert float(row[-1]) == (pytest.approx(float(SD1[0])) if name == "KL Optimal" else 0)


def test_tables_of_ten_steps_are_taken_as_they_are() -> None:
    table = numbers("14.615 6.475 3.861 2.697 1.886 1.396 0.963 0.652 0.399 0.152 0.029 0")
    assert sigmas("Align Your Steps", 11, SD1).tolist() == table
    assert sigmas("Align Your Steps 11", 11, SD1).tolist() == table
    table = numbers("14.615 4.617 2.507 1.236 0.702 0.402 0.240 0.156 0.104 0.094 0.029 0")
    assert sigmas("Align Your Steps GITS", 11, SD1).tolist() == table


@pytest.mark.parametrize(("a", "b"), [(0.6, 0.6), (2, 2), (0.01, 1.3), (1.7, 0.3)])
def test_beta_quantiles_are_scipys(a: float, b: float) -> None:
    probabilities = np.linspace(0, 1, 101)
    wanted = betaincinv(a, b, probabilities)
    assert beta_quantiles(probabilities, a, b) == pytest.approx(wanted, abs=1e-10)


LIMITED = {"sigma_min": 0.1, "sigma_max": 10.0}


@pytest.mark.parametrize(
    ("name", "options", "wanted"),
    [
        ("Karras", {"rho": 3.0}, [((10 ** (1 / 3) + 0.1 ** (1 / 3)) / 2) ** 3, 0.1]),
        ("Karras", {}, [((10 ** (1 / 7) + 0.1 ** (1 / 7)) / 2) ** 7, 0.1]),
        ("Exponential", {}, [1.0, 0.1]),
        ("Polyexponential", {"rho": 2.0}, [0.1 * 100**0.25, 0.1]),
        ("KL Optimal", {}, [math.tan((2 * math.atan(10) + math.atan(0.1)) / 3)]),
        ("Beta", {"beta_alpha": 1.0, "beta_beta": 1.0}, [5.05, 0.1]),
    ],
)
def test_rows_go_between_the_levels_that_a_request_names(
    name: str, options: dict[str, float], wanted: list[float]
) -> None:
    row = sigmas(name, 3, SD1, **LIMITED, **options).tolist()
    assert row[: 1 + len(wanted)] == pytest.approx([10.0, *wanted])


@pytest.mark.parametrize("name", ["Normal", "SGM Uniform"])
def test_rows_of_timesteps_go_between_the_levels_that_a_request_names(name: str) -> None:
    last, first = sigmas_to_timesteps(torch.tensor([0.1, 10.0]).double(), SD1).tolist()
    got = sigmas_to_timesteps(sigmas(name, 4, SD1, **LIMITED)[:-1], SD1).tolist()
    parts = 3 if name == "Normal" else 4
    assert got == pytest.approx([first + (last - first) * k / parts for k in range(4)], abs=1e-4)


@pytest.mark.parametrize("limits", [(9.0, 8.0), (8.0, 8.0), (20.0, None), (None, 0.01)])
def test_a_lowest_level_above_the_highest_is_refused(
    limits: tuple[float | None, float | None],
) -> None:
    with pytest.raises(InkstoneError, match="sigma_limits") as caught:
        sigmas("Karras", 4, SD1, sigma_min=limits[0], sigma_max=limits[1])
    assert caught.value.message.field == ("sigma_min" if limits[0] else "sigma_max")


@pytest.mark.parametrize(("n", "entries"), [(3, 4), (7, 9), (20, 21), (30, 32), (27, 28)])
def test_ddim_as_a_schedule_has_the_length_that_users_know(n: int, entries: int) -> None:
    assert len(sigmas("DDIM", n, SD1)) == entries


@pytest.mark.parametrize(("n", "entries"), [(20, 21), (30, 32), (7, 9), (1, 2)])
def test_unipc_walks_evenly_to_the_lowest_level(n: int, entries: int) -> None:
    row = unipc_row(n, SD1)
    assert len(row) == entries
    assert float(row[0]) == pytest.approx(float(SD1[-1]))
    assert float(row[-1]) == pytest.approx(float(SD1[0]))
    timesteps = sigmas_to_timesteps(row, SD1)
    assert timesteps.diff().tolist() == pytest.approx([-999 / (entries - 1)] * (entries - 1))


def test_distilled_models_know_few_timesteps() -> None:
    assert distilled_timesteps(1000, 50).tolist() == list(range(19, 1000, 20))
    assert distilled_timesteps(30, 50).tolist() == list(range(30))


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


def test_levels_with_zero_terminal_snr_are_diffusers() -> None:
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    kept = torch.cumprod(1 - rescale_zero_terminal_snr(betas), 0).double()
    levels = model_sigmas({"rescale_betas_zero_snr": True})
    ours = 1 / (1 + levels**2)
    assert torch.allclose(ours[:-1], kept[:-1], rtol=2e-3, atol=1e-7)
    assert float(ours[-1]) == pytest.approx(LAST_ABAR)
    assert bool((levels.diff() > 0).all())
    assert torch.equal(zero_terminal(levels), levels)
