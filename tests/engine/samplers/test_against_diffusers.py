"""Samplers against diffusers' own schedulers, in float64, with a denoiser that is a formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    DPMSolverSDEScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2AncestralDiscreteScheduler,
    KDPM2DiscreteScheduler,
    LCMScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
    TCDScheduler,
    UniPCMultistepScheduler,
)
from torch import Tensor

from tests.engine.samplers.formulas import (
    BETAS,
    SD1,
    denoise,
    epsilon,
    first_noise,
    no_noise,
    relative,
    run_scaled,
    run_unscaled,
    seeded,
)
from webui.engine.samplers import sample


def started(kind: type, steps: int, **options: Any) -> tuple[Any, Tensor]:
    """The scheduler and its row, in float64 where it lets us."""
    theirs = kind(**BETAS, **options)
    theirs.set_timesteps(steps)
    theirs.sigmas = theirs.sigmas.double()
    return theirs, theirs.sigmas


@pytest.mark.parametrize("steps", [1, 4, 10, 28])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Euler", EulerDiscreteScheduler),
        ("Euler a", EulerAncestralDiscreteScheduler),
        ("LMS", LMSDiscreteScheduler),
    ],
)
def test_one_call_per_step(name: str, kind: type, steps: int) -> None:
    theirs, sigmas = started(kind, steps)
    x = first_noise() * sigmas[0]
    # They draw in the format of the model's output: float64 here, as our noise does.
    ancestral = name == "Euler a"
    options = {"generator": torch.Generator().manual_seed(5)} if ancestral else {}
    wanted = run_unscaled(theirs, sigmas, x, **options)
    noise = seeded(5) if ancestral else no_noise
    # Their arithmetic is float32 in places; LMS' integrals are good to 1e-4.
    assert relative(sample(name, denoise, x, sigmas, noise), wanted) < (
        1e-4 if name == "LMS" else 1e-5
    )


@pytest.mark.parametrize("steps", [2, 4, 10, 28])
def test_heun(steps: int) -> None:
    theirs, _ = started(HeunDiscreteScheduler, steps)
    # Their row says every level but the ends twice.
    row = torch.cat([theirs.sigmas[:1], theirs.sigmas[1::2]])
    x = first_noise() * row[0]
    wanted = run_unscaled(theirs, row, x)
    assert relative(sample("Heun", denoise, x, row, no_noise), wanted) < 1e-6


@pytest.mark.parametrize("steps", [2, 4, 10, 28])
def test_dpm2(steps: int) -> None:
    theirs = KDPM2DiscreteScheduler(**BETAS)
    theirs.set_timesteps(steps)
    row = torch.cat([theirs.sigmas[:1], theirs.sigmas[1:-1:2]]).double()
    x = first_noise() * row[0]
    wanted = x
    for timestep in theirs.timesteps:
        second = not theirs.state_in_first_order
        index = 0 if theirs.step_index is None else theirs.step_index
        sigma = (theirs.sigmas_interpol if second else theirs.sigmas)[index].double()
        wanted = theirs.step(epsilon(wanted, sigma), timestep, wanted).prev_sample.double()
    assert relative(sample("DPM2", denoise, x, row, no_noise), wanted) < 1e-5


@pytest.mark.parametrize("steps", [5, 10, 28])  # fewer: their float32 cancels
def test_dpm2_a(steps: int) -> None:
    theirs = KDPM2AncestralDiscreteScheduler(**BETAS)
    theirs.set_timesteps(steps)
    row = torch.cat([theirs.sigmas[:1], theirs.sigmas[1:-1:2]]).double()
    x = first_noise() * row[0]
    wanted = x
    for timestep in theirs.timesteps:
        second = not theirs.state_in_first_order
        index = 0 if theirs.step_index is None else theirs.step_index
        sigma = theirs.sigmas_interpol[index - 1] if second else theirs.sigmas[index]
        # They draw in the first half of a step as well, and throw that away.
        generator = torch.Generator().manual_seed(100 + index - second)
        result = theirs.step(epsilon(wanted, sigma.double()), timestep, wanted, generator=generator)
        wanted = result.prev_sample.double()
    counter = iter(range(100, 10_000, 2))
    got = sample("DPM2 a", denoise, x, row, lambda *_: seeded(next(counter))())
    assert relative(got, wanted) < 2e-5


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("steps", [2, 10, 20])
def test_ddim(steps: int, eta: float) -> None:
    theirs = DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1)
    theirs.set_timesteps(steps)
    sigmas = model_row(theirs)
    x = first_noise() * (1 + sigmas[0] ** 2).sqrt()
    wanted = run_scaled(theirs, sigmas, x, eta=eta, generator=torch.Generator().manual_seed(5))
    noise = seeded(5) if eta else no_noise
    assert relative(sample("DDIM", denoise, x, sigmas, noise, eta=eta), wanted) < 1e-9


def model_row(theirs: Any) -> Tensor:
    """The row of a scheduler of timesteps whose last step goes to timestep 0; in float64."""
    kept = theirs.alphas_cumprod.double()
    theirs.alphas_cumprod, theirs.final_alpha_cumprod = kept, kept[0]
    levels = ((1 - kept) / kept).sqrt()
    return torch.cat([levels[theirs.timesteps], levels[:1]])


@pytest.mark.parametrize("steps", [2, 4, 10, 20])
def test_plms(steps: int) -> None:
    theirs = PNDMScheduler(**BETAS, skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1)
    theirs.set_timesteps(steps)
    sigmas = model_row(theirs)  # with the second level twice: its first step has two calls
    x = first_noise() * (1 + sigmas[0] ** 2).sqrt()
    wanted = run_scaled(theirs, sigmas, x)
    row = torch.cat([sigmas[:1], sigmas[2:]])
    assert relative(sample("PLMS", denoise, x, row, no_noise), wanted) < 1e-6


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 10, 28])
def test_unipc(steps: int) -> None:
    theirs, sigmas = started(
        UniPCMultistepScheduler,
        steps,
        solver_order=3,
        solver_type="bh1",
        final_sigmas_type="sigma_min",
    )
    x = first_noise() * sigmas[0]
    wanted = run_scaled(theirs, sigmas, x)
    # They solve for the weights in float32.
    assert relative(sample("UniPC", denoise, x, sigmas, no_noise), wanted) < 1e-4


@pytest.mark.parametrize("steps", [1, 4, 10, 28])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("DPM++ 2M", {"algorithm_type": "dpmsolver++"}),
        ("DPM++ 2M SDE", {"algorithm_type": "sde-dpmsolver++"}),
        ("DPM++ 2M SDE Heun", {"algorithm_type": "sde-dpmsolver++", "solver_type": "heun"}),
        # Their own form for the SDE has a wrong sign in its last term: at eta 0 both are the ODE's.
        (
            "DPM++ 3M SDE",
            {"algorithm_type": "dpmsolver++", "solver_order": 3, "solver_type": "heun"},
        ),
    ],
)
def test_dpmpp_multistep(name: str, options: dict[str, Any], steps: int) -> None:
    theirs, sigmas = started(
        DPMSolverMultistepScheduler,
        steps,
        use_karras_sigmas=True,
        final_sigmas_type="zero",
        lower_order_final=False,
        **options,
    )
    x = first_noise() * sigmas[0]
    # Their last step, to 0, is of first order in every case, as ours is.
    theirs_noise = iter([seeded(i)() for i in range(steps)])
    ours_noise = iter([seeded(i)() for i in range(steps)])
    noisy = options["algorithm_type"].startswith("sde")
    ours_options = {"eta": 0.0} if name == "DPM++ 3M SDE" else {}
    wanted = x / (1 + sigmas[0] ** 2).sqrt()
    for sigma, timestep in zip(sigmas, theirs.timesteps, strict=False):
        output = epsilon(wanted * (1 + sigma**2).sqrt(), sigma)
        drawn = {"variance_noise": next(theirs_noise)} if noisy else {}
        wanted = theirs.step(output, timestep, wanted, **drawn).prev_sample.double()
    noise = (lambda *_: next(ours_noise)) if noisy else no_noise
    got = sample(name, denoise, x, sigmas, noise, **ours_options)
    assert relative(got, wanted) < 1e-5


@pytest.mark.parametrize("steps", [2, 4, 10])
def test_dpmpp_sde(steps: int) -> None:
    theirs = DPMSolverSDEScheduler(**BETAS, use_karras_sigmas=True)
    theirs.set_timesteps(steps)
    row = torch.cat([theirs.sigmas[:1], theirs.sigmas[1::2]]).double()
    x = first_noise() * row[0]

    def noise(sigma: Any, sigma_next: Any) -> Tensor:
        """Depends on the levels alone, as a Brownian path's increment does."""
        return first_noise(round(float(sigma) * 1000) + 7 * round(float(sigma_next) * 1000))

    theirs.noise_sampler = noise
    wanted = x
    for timestep in theirs.timesteps:
        first = theirs.state_in_first_order
        index = 0 if theirs.step_index is None else theirs.step_index
        here = theirs.sigmas[index if first else index - 1].double()
        there = theirs.sigmas[index + 1 if first else index].double()
        sigma = here if first else (here * there).sqrt()
        wanted = theirs.step(epsilon(wanted, sigma), timestep, wanted).prev_sample.double()
    assert relative(sample("DPM++ SDE", denoise, x, row, noise), wanted) < 1e-4


@pytest.mark.parametrize("steps", [2, 10, 25])
def test_ddpm(steps: int) -> None:
    theirs = DDPMScheduler(**BETAS, clip_sample=False, variance_type="fixed_small")
    theirs.set_timesteps(steps)
    theirs.alphas_cumprod = theirs.alphas_cumprod.double()
    theirs.one = torch.tensor(1.0, dtype=torch.float64)
    kept = theirs.alphas_cumprod[theirs.timesteps]
    sigmas = torch.cat([((1 - kept) / kept).sqrt(), torch.zeros(1).double()])
    x = first_noise() * sigmas[0]
    wanted = run_scaled(theirs, sigmas[:-1], x, generator=torch.Generator().manual_seed(5))
    # They draw in the last step as well, where the variance is 1e-20.
    assert relative(sample("DDPM", denoise, x, sigmas, seeded(5)), wanted) < 1e-6


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_lcm(steps: int) -> None:
    theirs = LCMScheduler(**BETAS, clip_sample=False, original_inference_steps=50)
    theirs.set_timesteps(steps)
    theirs.alphas_cumprod = theirs.alphas_cumprod.double()
    kept = theirs.alphas_cumprod[theirs.timesteps]
    sigmas = torch.cat([((1 - kept) / kept).sqrt(), torch.zeros(1).double()])
    x = first_noise() * sigmas[0]
    wanted = run_scaled(theirs, sigmas[:-1], x, generator=torch.Generator().manual_seed(5))
    # The boundary scaling that we leave out is below 1e-5.
    assert relative(sample("LCM", denoise, x, sigmas, seeded(5)), wanted) < 1e-4


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("steps", [2, 4, 8])
def test_tcd(steps: int, eta: float) -> None:
    theirs = TCDScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False)
    theirs.set_timesteps(steps)
    theirs.alphas_cumprod = theirs.alphas_cumprod.double()
    theirs.final_alpha_cumprod = theirs.alphas_cumprod[0]
    times = theirs.timesteps
    levels = ((1 - theirs.alphas_cumprod) / theirs.alphas_cumprod).sqrt()
    sigmas = torch.cat([levels[times], torch.zeros(1).double()])
    x = first_noise() * sigmas[0]
    theirs_x, generator = x / (1 + sigmas[0] ** 2).sqrt(), torch.Generator().manual_seed(5)
    for sigma, timestep in zip(sigmas[:-2], times, strict=False):
        output = epsilon(theirs_x * (1 + sigma**2).sqrt(), sigma)
        result = theirs.step(output, timestep, theirs_x, eta=eta, generator=generator)
        theirs_x = result.prev_sample
    # Ours up to the step before the last: where that one ends differs.
    wanted = theirs_x * (1 + sigmas[-2] ** 2).sqrt()
    noise = seeded(5) if eta else no_noise
    got = sample("TCD", denoise, x, sigmas[:-1], noise, eta=eta, model_sigmas=SD1)
    # They round (1 - eta) * t_next down to a whole timestep.
    assert relative(got, wanted) < (2e-2 if eta == 0.5 else 1e-6)
