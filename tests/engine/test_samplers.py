"""Samplers against diffusers' own schedulers, in float64, with a denoiser that is a formula."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from webui.core.catalogue import BUILTIN
from webui.core.errors import Cancelled, InkstoneError
from webui.engine.samplers import StepEvent, sample
from webui.engine.samplers.step import ancestral_split
from webui.engine.schedules import karras, model_sigmas, uniform

SD1 = model_sigmas({})
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SHAPE = (2, 4, 8, 8)


def denoise(x: Tensor, sigma: Tensor) -> Tensor:
    """A smooth, non-linear estimate that depends on both arguments."""
    return torch.tanh(x / (1 + sigma)) * 0.9 + torch.sin(x[:, :1] * 3) * 0.05


def epsilon(x: Tensor, sigma: Tensor) -> Tensor:
    return (x - denoise(x, sigma)) / sigma


def first_noise(seed: int = 0) -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seeded(seed: int) -> Callable[..., Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return lambda *_: torch.randn(SHAPE, generator=generator, dtype=torch.float64)


def no_noise(sigma: Tensor, sigma_next: Tensor) -> Tensor:
    raise AssertionError("this sampler draws no noise")


def relative(got: Tensor, wanted: Tensor) -> float:
    return float((got - wanted).abs().max() / wanted.abs().max())


@pytest.mark.parametrize("steps", [1, 4, 10, 28])
def test_euler_is_diffusers_euler(steps: int) -> None:
    theirs = EulerDiscreteScheduler(**BETAS)
    theirs.set_timesteps(steps)
    sigmas = theirs.sigmas.double()
    x = first_noise() * sigmas[0]
    wanted = x
    for index, timestep in enumerate(theirs.timesteps):
        wanted = theirs.step(epsilon(wanted, sigmas[index]), timestep, wanted).prev_sample.double()
    # Their sigmas are float32, and so is their arithmetic.
    assert relative(sample("Euler", denoise, x, sigmas, no_noise), wanted) < 1e-5


@pytest.mark.parametrize("steps", [1, 4, 10, 28])
def test_euler_a_is_diffusers_euler_a(steps: int) -> None:
    theirs = EulerAncestralDiscreteScheduler(**BETAS)
    theirs.set_timesteps(steps)
    sigmas = theirs.sigmas.double()
    x = first_noise() * sigmas[0]
    wanted, generator = x, torch.Generator().manual_seed(5)
    for index, timestep in enumerate(theirs.timesteps):
        # They draw in the format of the model's output: float64 here, as our noise does.
        result = theirs.step(epsilon(wanted, sigmas[index]), timestep, wanted, generator=generator)
        wanted = result.prev_sample.double()
    assert relative(sample("Euler a", denoise, x, sigmas, seeded(5)), wanted) < 1e-5


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("steps", [2, 10, 20])
def test_ddim_is_diffusers_ddim(steps: int, eta: float) -> None:
    theirs = DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1)
    theirs.set_timesteps(steps)
    kept = theirs.alphas_cumprod.double()
    theirs.alphas_cumprod, theirs.final_alpha_cumprod = kept, kept[0]
    levels = ((1 - kept) / kept).sqrt()
    sigmas = torch.cat([levels[theirs.timesteps], levels[:1]])
    start = first_noise()
    wanted, generator = start, torch.Generator().manual_seed(5)
    for index, timestep in enumerate(theirs.timesteps):
        scale = (1 + sigmas[index] ** 2).sqrt()
        result = theirs.step(
            epsilon(wanted * scale, sigmas[index]), timestep, wanted, eta=eta, generator=generator
        )
        wanted = result.prev_sample
    x = start * (1 + sigmas[0] ** 2).sqrt()
    noise = seeded(5) if eta else no_noise
    assert relative(sample("DDIM", denoise, x, sigmas, noise, eta=eta), wanted) < 1e-9


@pytest.mark.parametrize("steps", [1, 4, 10, 28])
def test_dpmpp_2m_is_diffusers_dpm_solver(steps: int) -> None:
    theirs = DPMSolverMultistepScheduler(
        **BETAS, use_karras_sigmas=True, final_sigmas_type="zero", lower_order_final=steps < 15
    )
    theirs.set_timesteps(steps)
    theirs.sigmas = theirs.sigmas.double()
    sigmas = theirs.sigmas
    start = first_noise()
    wanted = start
    for index, timestep in enumerate(theirs.timesteps):
        scale = (1 + sigmas[index] ** 2).sqrt()
        wanted = theirs.step(epsilon(wanted * scale, sigmas[index]), timestep, wanted).prev_sample
    x = start * (1 + sigmas[0] ** 2).sqrt()
    # Their last step, to 0, is of first order in every case, as ours is.
    assert relative(sample("DPM++ 2M", denoise, x, sigmas, no_noise), wanted) < 1e-6


@pytest.mark.parametrize("name", BUILTIN.samplers)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_every_sampler_keeps_format_and_reports_each_step(
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


@pytest.mark.parametrize("name", BUILTIN.samplers)
def test_the_last_step_to_zero_is_exactly_the_estimate(name: str) -> None:
    clean = first_noise(3)
    row = karras(6, SD1)
    result = sample(name, lambda x, sigma: clean, first_noise() * row[0], row, seeded(1))
    assert torch.equal(result, clean)


@pytest.mark.parametrize("name", BUILTIN.samplers)
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


def test_unknown_samplers_are_refused_with_the_name() -> None:
    with pytest.raises(InkstoneError) as caught:
        sample("Euler b", denoise, first_noise(), uniform(3, SD1), seeded(0))
    assert caught.value.message.values["got"] == "Euler b"


def test_a_step_can_stop_the_loop() -> None:
    calls: list[float] = []

    def counting(x: Tensor, sigma: Tensor) -> Tensor:
        calls.append(float(sigma))
        return denoise(x, sigma)

    def stop(event: StepEvent) -> None:
        if event.step == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        sample("Euler", counting, first_noise(), uniform(9, SD1), seeded(0), on_step=stop)
    assert len(calls) == 2


@given(st.floats(1e-2, 20), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_ancestral_split_adds_up(sigma: float, part: float, eta: float) -> None:
    sigma_next = sigma * part
    down, up = ancestral_split(sigma, sigma_next, eta)
    assert 0 <= up <= sigma_next
    assert 0 <= down <= sigma_next
    assert down**2 + up**2 == pytest.approx(sigma_next**2, abs=1e-12)
