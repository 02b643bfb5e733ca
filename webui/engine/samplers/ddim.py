"""DDIM and its kin. Song et al. 2021, "Denoising diffusion implicit models", equation 12.

Written in coordinates whose noise grows with sigma, x_ve = x / sqrt(abar). There its step is
the ancestral Euler step: the paper's sigma_t, divided by sqrt(abar), is the share `eta` of the
fresh noise that `ancestral_split` gives.
"""

from __future__ import annotations

from torch import Tensor

from webui.engine.samplers.euler import euler_ancestral
from webui.engine.samplers.step import (
    Denoiser,
    Noise,
    OnStep,
    StepEvent,
    TwoSidedDenoiser,
    ancestral_split,
    in_model_coordinates,
    pairs,
    slope,
)


def ddim(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    eta: float = 0.0,
    on_step: OnStep | None = None,
) -> Tensor:
    """Walks timesteps; `eta` 0 is deterministic, 1 adds as much noise as DDPM.

    Where the row ends above 0, as that of timestep samplers does, the result is given in the
    model's own coordinates: divided by sqrt(1 + sigma²).
    """
    x = euler_ancestral(denoise, x, sigmas, noise, eta=eta, on_step=on_step)
    return in_model_coordinates(x, float(sigmas[-1]))


def ddpm(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, on_step: OnStep | None = None
) -> Tensor:
    """Ho et al. 2020, "Denoising diffusion probabilistic models", algorithm 2.

    With the posterior's own variance (equation 7), whose step over any two levels is DDIM's of
    eta 1. On a schedule's row, to 0.
    """
    return euler_ancestral(denoise, x, sigmas, noise, eta=1.0, on_step=on_step)


def ddim_cfgpp(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    eta: float = 0.0,
    on_step: OnStep | None = None,
) -> Tensor:
    """Chung et al. 2024, "CFG++: Manifold-constrained classifier free guidance", algorithm 2.

    The guided estimate says where to go, the one without the prompt which noise is put back.
    Without guidance the two are one, and this is DDIM.
    """
    steps = len(sigmas) - 1
    for index, sigma, sigma_next in pairs(sigmas):
        if isinstance(denoise, TwoSidedDenoiser):
            denoised, uncond = denoise.with_uncond(x, sigma)
        else:
            denoised = uncond = denoise(x, sigma)
        here, there = float(sigma), float(sigma_next)
        down, up = ancestral_split(here, there, eta)
        x = denoised + slope(x, uncond, here) * down if there else denoised
        if up:
            x = x + noise(sigma, sigma_next) * up
        if on_step:
            on_step(StepEvent(index + 1, steps, here, denoised))
    return in_model_coordinates(x, float(sigmas[-1]))
