"""Where a pass begins on its row, and what the request changes about the row."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from tests.engine.test_pipeline import small
from webui.core.catalogue import BUILTIN
from webui.core.errors import InkstoneError
from webui.core.request import GenerationRequest
from webui.engine.bundle import ModelBundle
from webui.engine.levels import Levels, distinct, levels_for, whole_steps
from webui.engine.model_levels import LAST_ABAR, model_sigmas, zero_terminal
from webui.engine.passes import Pass, first_pass, hires_pass
from webui.engine.plan import denoiser_for, make_plan, sampler_options
from webui.engine.schedules import ddim_row, sigmas, sigmas_to_timesteps
from webui.engine.text_encoder import PromptEncoder

SD1 = model_sigmas({})


def second(request: GenerationRequest) -> Pass:
    return hires_pass(request, 128, 128)


def hires_levels(**fields: Any) -> Levels:
    request = small(hires=True, **fields)
    return levels_for(second(request), request, BUILTIN.samplers[request.sampler], SD1, BUILTIN)


def first_levels(**fields: Any) -> Levels:
    request = small(**fields)
    spec = BUILTIN.samplers[request.sampler]
    return levels_for(first_pass(request), request, spec, SD1, BUILTIN)


@pytest.mark.parametrize(
    ("strength", "steps"),
    [(0.5, 40), (0.1, 200), (1.0, 20), (0.75, 26), (0.7, 28), (1e-9, 10_000)],
)
def test_a_pass_on_the_way_has_as_many_steps_as_asked_for(strength: float, steps: int) -> None:
    levels = hires_levels(steps=20, denoising_strength=strength, sampler="Euler")
    whole = sigmas("Uniform", steps, SD1)
    assert torch.equal(levels.row, whole[-21:])
    assert torch.equal(levels.whole, whole)
    assert levels.start == float(levels.row[0])


def test_the_hires_pass_has_its_own_settings_or_those_of_the_first() -> None:
    own = {"hires_prompt": "x", "hires_steps": 3, "hires_cfg_scale": 2.0, "hires_sampler": "Heun"}
    request = small(negative_prompt="n", sampler="DPM++ SDE", schedule="Beta", steps=8, **own)
    wanted = Pass("x", "n", 3, "Heun", "Beta", 2.0, 128, 128, 16, 0.7)
    assert second(request) == wanted


@pytest.mark.parametrize(("strength", "whole"), [(0.5, 40), (0.3, 66)])
def test_samplers_of_timesteps_begin_one_below_the_noise(strength: float, whole: int) -> None:
    """DDIM's timesteps[:19], from latents noised to timesteps[19]."""
    levels = hires_levels(steps=20, denoising_strength=strength, sampler="DDIM")
    step = 1000 // whole
    timesteps = [1 + step * index for index in range(20)]
    assert torch.equal(levels.row, SD1[timesteps[:19]].flip(0))
    assert levels.start == float(SD1[timesteps[19]])
    latents, noise = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    kept = [1 / (1 + float(SD1[t]) ** 2) for t in timesteps[18:]]
    model_side = latents * kept[1] ** 0.5 + noise * (1 - kept[1]) ** 0.5
    assert torch.allclose(levels.first(noise, latents) * kept[0] ** 0.5, model_side, atol=1e-6)


def test_unipc_begins_where_ddim_does_and_walks_evenly() -> None:
    levels = hires_levels(steps=20, denoising_strength=0.5, sampler="UniPC")
    timesteps = sigmas_to_timesteps(levels.row, SD1)
    assert torch.allclose(timesteps, torch.linspace(451, 0, 20).double(), atol=1e-3)


@pytest.mark.parametrize("sampler", BUILTIN.samplers)
@pytest.mark.parametrize(("steps", "strength"), [(1, 1e-6), (1, 1.0), (150, 0.01)])
def test_every_pass_has_a_step(sampler: str, steps: int, strength: float) -> None:
    for schedule in ("Simple", "DDIM", "KL Optimal"):
        levels = hires_levels(
            sampler=sampler, schedule=schedule, steps=steps, denoising_strength=strength
        )
        assert len(levels.row) >= 2
        assert bool((levels.row.diff() < 0).all())


def test_existing_latents_are_noised_to_the_first_level() -> None:
    latents, noise = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    for multiplied in (False, True):
        levels = hires_levels(sgm_noise_multiplier=multiplied)
        assert torch.equal(levels.first(noise, latents), latents + noise * levels.start)


def test_the_penultimate_level_is_discarded_on_demand() -> None:
    golden = "14.6146 9.5583 6.0822 3.7513 2.2322 1.2741 0.6926 0.3552 0.1698 0.0744 0"
    levels = first_levels(sampler="DPM++ 2M", steps=10, discard_penultimate=True)
    assert levels.row.tolist() == pytest.approx([float(x) for x in golden.split()], abs=6e-5)
    timesteps = first_levels(sampler="DDIM", steps=10, discard_penultimate=True)
    assert torch.equal(timesteps.row, ddim_row(10, SD1))


def test_limits_reach_the_schedules_that_have_them() -> None:
    limits: dict[str, Any] = {"sigma_min": 0.1, "sigma_max": 10.0, "steps": 4}
    karras = first_levels(schedule="Karras", rho=3.0, **limits).row
    assert torch.equal(karras, sigmas("Karras", 4, SD1, sigma_min=0.1, sigma_max=10.0, rho=3.0))
    for name in ("Uniform", "Simple", "DDIM", "Align Your Steps"):
        assert torch.equal(first_levels(schedule=name, **limits).row, sigmas(name, 4, SD1))
    with pytest.raises(InkstoneError, match="sigma_limits"):
        first_levels(schedule="Karras", sigma_min=20.0)


@pytest.mark.parametrize(
    "fields",
    [
        {"schedule": "Karras", "rho": 1e-9},
        {"schedule": "Karras", "rho": 100.0, "sigma_min": 1e-300},
        {"schedule": "Polyexponential", "rho": 100.0},
        {"schedule": "Exponential", "sigma_min": 1e-300},
        {"schedule": "Exponential", "sigma_min": 9.99999999, "sigma_max": 10.0},
        {"schedule": "Beta", "beta_alpha": 0.01, "beta_beta": 2.0},
    ],
)
def test_extreme_rows_fall_all_the_same(fields: dict[str, Any]) -> None:
    row = first_levels(steps=30, **fields).row
    assert bool(torch.isfinite(row).all())
    assert bool((row[:-1].diff() <= -1e-6).all())
    assert bool((row.diff() < 0).all())


def test_levels_that_hardly_differ_are_one() -> None:
    row = torch.tensor([3.0, 3.0, 2.0, 2.0 - 1e-7, 1.0, 0.0], dtype=torch.float64)
    assert distinct(row).tolist() == [3.0, 2.0, 1.0, 0.0]


def test_whole_rows_are_those_of_the_exact_rule() -> None:
    base = first_pass(small(steps=20))
    assert whole_steps(base) == 20
    assert whole_steps(dataclasses.replace(base, denoising_strength=0.35)) == int(20 / 0.35)


def test_dpm_fast_stops_above_the_last_level_on_the_way(tiny: ModelBundle) -> None:
    request = small(sampler="DPM fast", steps=4, hires=True)
    encoder = PromptEncoder(tiny)
    plan = make_plan(tiny, request, encoder, this=second(request))
    assert sampler_options(plan, request)["sigma_min"] == float(plan.sigmas[-2])
    assert sampler_options(make_plan(tiny, request, encoder), request)["sigma_min"] == float(
        tiny.sigmas[0]
    )


@torch.inference_mode()
def test_zero_terminal_snr_reaches_the_row_and_the_denoiser(tiny_v: ModelBundle) -> None:
    request = small(noise_schedule="Zero Terminal SNR", sampler="Euler", cfg_scale=1.0)
    plan = make_plan(tiny_v, request, PromptEncoder(tiny_v))
    top = ((1 - LAST_ABAR) / LAST_ABAR) ** 0.5
    assert float(plan.sigmas[0]) == pytest.approx(top)
    assert torch.equal(plan.bundle.sigmas, zero_terminal(tiny_v.sigmas))
    told: list[float] = []
    hook = tiny_v.unet.register_forward_pre_hook(lambda _, args: told.append(float(args[1][0])))
    try:
        made = denoiser_for(plan, request, 1)(torch.randn(1, 4, 8, 8) * top, plan.sigmas[0])
    finally:
        hook.remove()
    assert told == [999.0]
    assert float(made.abs().max()) < 100


def test_prompts_of_the_hires_pass_count_from_the_first(tiny: ModelBundle) -> None:
    request = small(prompt="[cat:dog:1.5]", steps=4, sampler="Heun", hires=True, hires_steps=6)
    encoder = PromptEncoder(tiny)

    def switches(this: Pass, **fields: Any) -> list[tuple[int, str]]:
        changed = request.model_copy(update=fields)
        stages = make_plan(tiny, changed, encoder, this=this).texts.stages
        return [(stage.last, stage.prompts[-1]) for stage in stages]

    assert switches(first_pass(request)) == [(8, "cat")]
    assert switches(second(request)) == [(6, "cat"), (12, "dog")]
    absolute = dataclasses.replace(second(request), prompt="[cat:dog:10]")
    assert switches(absolute) == [(2, "cat"), (12, "dog")]
    assert switches(absolute, old_timelines=True) == [(10, "cat"), (12, "dog")]
