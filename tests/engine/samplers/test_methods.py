"""What is particular to one method."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import Tensor

from tests.engine.samplers.formulas import SD1, denoise, first_noise, no_noise, relative, seeded
from webui.engine.samplers import StepEvent, sample
from webui.engine.samplers.deis import vp_time
from webui.engine.samplers.dpm import fast_orders
from webui.engine.samplers.multistep import ADAMS_BASHFORTH, adams_weights, ipndm_v_weights
from webui.engine.samplers.restart import restart_plan
from webui.engine.schedules import karras, uniform

LEVELS = karras(10, SD1).tolist()


@pytest.mark.parametrize("clock", [float, vp_time])
@pytest.mark.parametrize("index", [0, 1, 2, 3, 7])
def test_multistep_weights_are_integrals(clock: type[float], index: int) -> None:
    here, there = LEVELS[index], LEVELS[index + 1]
    nodes = [clock(LEVELS[index - back]) for back in range(min(3, index + 1))]

    def lagrange(sigma: float, node: float) -> float:
        others = [other for other in nodes if other != node]
        return math.prod((clock(sigma) - other) / (node - other) for other in others)

    got = adams_weights(LEVELS, index, 3, clock)
    for weight, node in zip(got, nodes, strict=True):
        wanted = quad(lagrange, here, there, args=(node,), epsabs=1e-12)[0] / (there - here)
        assert weight == pytest.approx(wanted, rel=1e-7, abs=1e-9)
    assert sum(got) == pytest.approx(1)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_equal_steps_have_the_weights_of_adams_and_bashforth(order: int) -> None:
    levels = np.linspace(9, 1, 9).tolist()
    assert adams_weights(levels, 5, order) == pytest.approx(ADAMS_BASHFORTH[order - 1])
    if order < 4:
        assert ipndm_v_weights([-1.0] * order) == pytest.approx(ADAMS_BASHFORTH[order - 1])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_ipndm_v_keeps_a_constant_slope(count: int) -> None:
    assert sum(ipndm_v_weights([-0.3, -0.5, -0.9][:count])) == pytest.approx(1)


def test_ipndm_v_is_as_published() -> None:
    """The four weights for steps of 1, 2, 3 and 4, from the published program's formulas."""
    first = (1 - 1 / 9 * 3 / 10) / 2
    second = (8 / 9 / 2 + 5 / 6 / 36) * (1 * 3 * 6) / (2 * 5 * 9)
    ratio = 2 * 5 / (3 * 7)
    wanted = [
        1.25 + first + second,
        -0.25 - (1 + 2 / 3) * first - (1 + 2 / 3 + ratio) * second,
        first * 2 / 3 + (2 / 3 + ratio * 1.75) * second,
        -second * ratio * 2 / 3,
    ]
    assert ipndm_v_weights([-1.0, -2.0, -3.0, -4.0]) == pytest.approx(wanted)


def test_deis_time_is_that_of_the_linear_sde() -> None:
    assert vp_time(80.0) == pytest.approx(1)
    assert vp_time(0.002) == pytest.approx(1e-3)


def test_plms_begins_with_heuns_step() -> None:
    row = uniform(5, SD1)[:2]
    x = first_noise() * row[0]
    scale = (1 + row[1] ** 2) ** -0.5
    wanted = sample("Heun", denoise, x, row, no_noise) * scale
    assert relative(sample("PLMS", denoise, x, row, no_noise), wanted) < 1e-14


@pytest.mark.parametrize("steps", [1, 5, 19])
def test_restart_of_few_steps_is_heun(steps: int) -> None:
    row = karras(steps, SD1)
    x = first_noise() * row[0]
    wanted = sample("Heun", denoise, x, row, no_noise)
    assert torch.equal(sample("Restart", denoise, x, row, no_noise), wanted)


@pytest.mark.parametrize(
    ("steps", "repeated", "times"), [(20, 9, 1), (35, 9, 1), (36, 9, 2), (60, 15, 2), (150, 37, 2)]
)
def test_restart_goes_the_middle_again(steps: int, repeated: int, times: int) -> None:
    plan = restart_plan(karras(steps, SD1).tolist())
    assert len(plan) == steps
    assert plan[-1][1] == 0
    assert plan[0][0] == pytest.approx(float(SD1[-1]))
    jumps = [index for index in range(1, steps) if plan[index][0] != plan[index - 1][1]]
    assert len(jumps) == times
    assert [b - a for a, b in pairwise(jumps)] == [repeated] * (times - 1)
    for jump in jumps:
        assert 0.05 < plan[jump - 1][1] < 0.2
        assert 1 < plan[jump][0] < 4
        assert plan[jump + repeated - 1][1] == pytest.approx(plan[jump - 1][1])


def test_restart_adds_the_variance_it_needs() -> None:
    """With a denoiser that keeps x, the noise of the way up is all that changes it."""
    row = karras(20, SD1)
    plan = restart_plan(row.tolist())
    [jump] = [index for index in range(1, 20) if plan[index][0] != plan[index - 1][1]]
    added = (plan[jump][0] ** 2 - plan[jump - 1][1] ** 2) ** 0.5
    x = first_noise()
    got = sample("Restart", lambda x, sigma: x, x, row, seeded(4))
    assert torch.allclose(got, x + seeded(4)() * added)


def test_fast_orders_sum_to_the_calls() -> None:
    for calls in range(1, 151):
        orders = fast_orders(calls)
        assert sum(orders) == calls
        assert set(orders) <= {1, 2, 3}


@pytest.mark.parametrize("steps", [1, 3, 7, 20])
def test_dpm_fast_calls_the_model_as_often_as_asked(steps: int) -> None:
    asked: list[float] = []

    def note(x: Tensor, sigma: Tensor) -> Tensor:
        asked.append(float(sigma))
        return denoise(x, sigma)

    row = uniform(steps, SD1)
    sample("DPM fast", note, first_noise() * row[0], row, seeded(0), sigma_min=float(SD1[0]))
    assert len(asked) == steps
    assert min(asked) >= float(SD1[0])


def test_dpm_adaptive_takes_shorter_steps_where_the_picture_bends() -> None:
    def bent(x: Tensor, sigma: Tensor) -> Tensor:
        return torch.tanh(x * 5)

    def straight(x: Tensor, sigma: Tensor) -> Tensor:
        return torch.zeros_like(x)

    row = karras(10, SD1)
    counts = []
    for estimate in (bent, straight):
        events: list[StepEvent] = []
        x = first_noise() * row[0]
        sample("DPM adaptive", estimate, x, row, no_noise, eta=0.0, on_step=events.append)
        counts.append(len(events))
    assert counts[0] > counts[1]


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_dpm_adaptive_ends_on_bad_numbers_and_wild_pictures(eta: float) -> None:
    row = karras(10, SD1)
    x = first_noise() * row[0]
    options = {"eta": eta, "sigma_min": float(SD1[0])}
    bad = sample("DPM adaptive", lambda x, sigma: x * math.nan, x, row, seeded(0), **options)
    assert bool(bad.isnan().all())

    def wild(x: Tensor, sigma: Tensor) -> Tensor:
        return torch.sign(torch.sin(x * 1000)) * 100

    events: list[StepEvent] = []
    sample("DPM adaptive", wild, x, row, seeded(0), on_step=events.append, **options)
    assert len(events) <= 6.3 / 0.005 + 100


class Sides:
    """A guided denoiser whose two sides are known."""

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.with_uncond(x, sigma)[0]

    def with_uncond(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return denoise(x, sigma), x * 0.5


def test_cfgpp_goes_to_the_one_and_takes_its_noise_from_the_other() -> None:
    row = uniform(5, SD1)[:2]
    x = first_noise() * row[0]
    wanted = denoise(x, row[0]) + (x - x * 0.5) / row[0] * row[1]
    got = sample("DDIM CFG++", Sides(), x, row, no_noise)
    assert relative(got, wanted * (1 + row[1] ** 2) ** -0.5) < 1e-14


def test_cfgpp_without_guidance_is_ddim() -> None:
    row = uniform(9, SD1)[:-1]
    x = first_noise() * row[0]
    wanted = sample("DDIM", denoise, x, row, no_noise)
    assert relative(sample("DDIM CFG++", denoise, x, row, no_noise), wanted) < 1e-12


def test_heunpp2_weighs_what_lies_ahead() -> None:
    """One step of three levels by hand."""
    row = torch.tensor([8.0, 4.0, 2.0, 1.0], dtype=torch.float64)
    x = first_noise() * 8

    def slope(x: Tensor, sigma: float) -> Tensor:
        return (x - denoise(x, torch.tensor(sigma).double())) / sigma

    first = slope(x, 8.0)
    at_4 = x - 4 * first
    second = slope(at_4, 4.0)
    third = slope(at_4 - 2 * second, 2.0)
    x = x - 4 * (first * (1 - 4 / 24 - 2 / 24) + second * 4 / 24 + third * 2 / 24)
    first = slope(x, 4.0)
    x = x - 2 * (first * (1 - 2 / 16) + slope(x - 2 * first, 2.0) * 2 / 16)
    x = x - slope(x, 2.0)
    got = sample("HeunPP2", denoise, first_noise() * 8, row, no_noise)
    assert relative(got, x) < 1e-13


def test_tcd_goes_down_to_its_share_of_the_timestep_and_up_again() -> None:
    row = SD1[[900, 500]]
    x = first_noise() * row[0]
    denoised = denoise(x, row[0])
    down = SD1[350]  # (1 - 0.3) * 500
    wanted = denoised + (x - denoised) / row[0] * down
    wanted = wanted + seeded(2)() * (row[1] ** 2 - down**2).sqrt()
    assert relative(sample("TCD", denoise, x, row, seeded(2), model_sigmas=SD1), wanted) < 1e-12


@pytest.mark.parametrize("name", ["Euler", "Heun", "DPM2"])
def test_churn_draws_outside_its_limits_in_vain(name: str) -> None:
    row = karras(6, SD1)
    drawn: list[float] = []
    noise = seeded(0)

    def note(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        drawn.append(float(sigma))
        return noise(sigma, sigma_next)

    x = first_noise() * row[0]
    out = sample(name, denoise, x, row, note, s_churn=3.0, s_tmin=20.0)
    assert drawn == row[:-1].tolist()
    assert torch.equal(out, sample(name, denoise, x, row, note))
    assert not torch.equal(out, sample(name, denoise, x, row, note, s_churn=3.0, s_tmax=1.0))
