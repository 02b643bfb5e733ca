"""What holds for every row of the catalogue."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.engine.samplers.formulas import (
    SD1,
    SHAPE,
    denoise,
    first_noise,
    no_noise,
    seeded,
)
from webui.core.catalogue import BUILTIN
from webui.core.errors import Cancelled, InkstoneError
from webui.engine.resolve import resolve
from webui.engine.samplers import StepEvent, sample
from webui.engine.samplers.step import ancestral_split
from webui.engine.schedules import karras, uniform

OWN_STEPS = ("DPM fast", "DPM adaptive")
"""They use the row's ends alone, and stop above 0."""

DISTILLED = ("LCM", "TCD")
"""Their steps suit models that jump to the picture, not to its mean."""

ROW_STEPPERS = [name for name in BUILTIN.samplers if name not in OWN_STEPS]
NOISE_OF_ETA = [name for name, spec in BUILTIN.samplers.items() if spec.default_eta is not None]
WITHOUT_NOISE = [name for name, spec in BUILTIN.samplers.items() if spec.noise == "none"]


@pytest.mark.parametrize("name", BUILTIN.samplers)
def test_every_row_names_a_function(name: str) -> None:
    spec = BUILTIN.samplers[name]
    assert callable(resolve(spec.target))
    assert callable(resolve(spec.row))
    assert spec.timesteps or spec.schedule in BUILTIN.schedules


@pytest.mark.parametrize("name", ROW_STEPPERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_formats_are_kept_and_each_step_is_reported(
    name: str, dtype: torch.dtype, steps: int
) -> None:
    row = uniform(steps, SD1)
    events: list[StepEvent] = []
    x = (first_noise() * row[0]).to(dtype)
    noise = seeded(1)
    result = sample(name, denoise, x, row, lambda *a: noise(*a).to(dtype), on_step=events.append)
    assert result.dtype == dtype
    assert result.shape == SHAPE
    assert bool(torch.isfinite(result).all())
    assert [(event.step, event.steps) for event in events] == [
        (step, steps) for step in range(1, steps + 1)
    ]
    assert [event.sigma for event in events] == row[:-1].tolist()


@pytest.mark.parametrize("name", OWN_STEPS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("steps", [1, 2, 5, 9])
def test_samplers_with_steps_of_their_own_report_a_rising_count(
    name: str, dtype: torch.dtype, steps: int
) -> None:
    row = uniform(steps, SD1)
    events: list[StepEvent] = []
    x = (first_noise() * row[0]).to(dtype)
    noise = seeded(1)
    result = sample(
        name,
        denoise,
        x,
        row,
        lambda *a: noise(*a).to(dtype),
        on_step=events.append,
        sigma_min=float(SD1[0]),
    )
    assert result.dtype == dtype
    assert bool(torch.isfinite(result).all())
    counts = [event.step for event in events]
    assert counts == sorted(counts)
    assert counts[0] >= 1
    assert (counts[-1], events[-1].steps) == (steps, steps)


@pytest.mark.parametrize("name", ROW_STEPPERS)
def test_the_last_step_to_zero_is_exactly_the_estimate(name: str) -> None:
    clean = first_noise(3)
    row = karras(6, SD1)
    result = sample(name, lambda x, sigma: clean, first_noise() * row[0], row, seeded(1))
    if name == "LMS":  # integrates to 0, as it is known
        assert torch.allclose(result, clean, rtol=0, atol=1e-13)
    else:
        assert torch.equal(result, clean)


@pytest.mark.parametrize("name", [n for n in BUILTIN.samplers if n not in DISTILLED])
def test_one_gaussian_is_sampled_rightly(name: str) -> None:
    """For data N(0, 0.5²) the best denoiser is linear, so the result's spread is known."""
    spread = 0.5
    row = karras(150, SD1)
    generator = torch.Generator().manual_seed(0)

    def draw(*_: Tensor) -> Tensor:
        return torch.randn(1, 4, 64, 64, generator=generator, dtype=torch.float64)

    def best(x: Tensor, sigma: Tensor) -> Tensor:
        return x * spread**2 / (spread**2 + sigma**2)

    result = sample(name, best, draw() * row[0], row, draw)
    assert float(result.std()) == pytest.approx(spread, rel=0.04)


def test_the_callers_tensor_is_left_alone() -> None:
    row = uniform(3, SD1)
    for name in BUILTIN.samplers:
        x = first_noise() * row[0]
        before = x.clone()
        sample(name, denoise, x, row, seeded(0))
        assert torch.equal(x, before)


@pytest.mark.parametrize("name", WITHOUT_NOISE)
def test_samplers_without_noise_draw_none(name: str) -> None:
    row = karras(7, SD1)
    sample(name, denoise, first_noise() * row[0], row, no_noise)


@pytest.mark.parametrize("name", NOISE_OF_ETA)
def test_without_eta_no_noise_is_drawn(name: str) -> None:
    row = karras(7, SD1)
    sample(name, denoise, first_noise() * row[0], row, no_noise, eta=0.0)


@pytest.mark.parametrize("name", NOISE_OF_ETA)
def test_eta_changes_the_picture(name: str) -> None:
    row = karras(7, SD1)
    x = first_noise() * row[0]
    still = sample(name, denoise, x, row, no_noise, eta=0.0)
    assert not torch.allclose(sample(name, denoise, x, row, seeded(0), eta=1.0), still)


@pytest.mark.parametrize("name", ["Euler", "Heun", "DPM2"])
def test_churn_raises_the_level_and_draws(name: str) -> None:
    row = karras(6, SD1)
    asked: list[float] = []

    def note(x: Tensor, sigma: Tensor) -> Tensor:
        asked.append(float(sigma))
        return denoise(x, sigma)

    x = first_noise() * row[0]
    churned = sample(name, note, x, row, seeded(0), s_churn=1.0, s_tmin=0.1, s_tmax=10.0)
    within = [level for level in row.tolist() if 0.1 <= level <= 10.0]
    assert within
    for level in within:  # 1 / 6 more at each level between the bounds
        assert min(abs(value - level * 7 / 6) for value in asked) < 1e-9
    assert float(row[0]) in asked
    assert not torch.allclose(churned, sample(name, denoise, x, row, no_noise))


@pytest.mark.parametrize("name", [n for n, s in BUILTIN.samplers.items() if "s_noise" in s.options])
def test_noise_of_strength_zero_adds_nothing(name: str) -> None:
    row = karras(24, SD1)
    x = first_noise() * row[0]
    churn = {"s_churn": 0.5} if "s_churn" in BUILTIN.samplers[name].options else {}
    one = sample(name, denoise, x, row, seeded(0), s_noise=0.0, **churn)
    other = sample(name, denoise, x, row, seeded(1), s_noise=0.0, **churn)
    assert torch.equal(one, other)
    assert not torch.equal(sample(name, denoise, x, row, seeded(0), **churn), one)


def test_unknown_samplers_are_refused_with_the_name() -> None:
    with pytest.raises(InkstoneError) as caught:
        sample("Euler b", denoise, first_noise(), uniform(3, SD1), seeded(0))
    assert caught.value.message.values["got"] == "Euler b"


@pytest.mark.parametrize("name", BUILTIN.samplers)
def test_a_step_can_stop_the_loop(name: str) -> None:
    calls: list[float] = []

    def counting(x: Tensor, sigma: Tensor) -> Tensor:
        calls.append(float(sigma))
        return denoise(x, sigma)

    def stop(event: StepEvent) -> None:
        raise Cancelled

    row = karras(9, SD1)
    with pytest.raises(Cancelled):
        sample(name, counting, first_noise() * row[0], row, seeded(0), on_step=stop)
    assert 1 <= len(calls) <= 3


@given(st.floats(1e-2, 20), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_ancestral_split_adds_up(sigma: float, part: float, eta: float) -> None:
    sigma_next = sigma * part
    down, up = ancestral_split(sigma, sigma_next, eta)
    assert 0 <= up <= sigma_next
    assert 0 <= down <= sigma_next
    assert down**2 + up**2 == pytest.approx(sigma_next**2, abs=1e-12)
