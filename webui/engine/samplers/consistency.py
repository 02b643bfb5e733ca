"""Samplers of distilled models: jump to the estimate, then back up with fresh noise."""

from __future__ import annotations

from torch import Tensor

from webui.engine.model_levels import model_sigmas as standard_sigmas
from webui.engine.samplers.step import (
    Denoiser,
    Noise,
    OnStep,
    StepEvent,
    euler_step,
    level,
    pairs,
)
from webui.engine.schedules import sigmas_to_timesteps, timesteps_to_sigmas


def lcm(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, on_step: OnStep | None = None
) -> Tensor:
    """Luo et al. 2023, "Latent consistency models", algorithm 3.

    Each step goes all the way down and takes fresh noise of the next level. The paper's boundary
    scaling c_skip is below 1e-5 at the timesteps in use, and left out.
    """
    steps = len(sigmas) - 1
    for index, sigma, sigma_next in pairs(sigmas):
        x = denoised = denoise(x, sigma)
        there = float(sigma_next)
        if there:
            x = x + noise(sigma, sigma_next) * there
        if on_step:
            on_step(StepEvent(index + 1, steps, float(sigma), denoised))
    return x


def tcd(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    eta: float = 0.3,
    model_sigmas: Tensor | None = None,
    on_step: OnStep | None = None,
) -> Tensor:
    """Zheng et al. 2024, "Trajectory consistency distillation", algorithm 4.

    From timestep t to t_next over s = (1 - eta) t_next, the paper's gamma being `eta`: down to s
    without noise, up to t_next with it. `model_sigmas`: the model's own levels, (1000,)
    ascending; SD's unless given.
    """
    table = standard_sigmas({}) if model_sigmas is None else model_sigmas
    steps = len(sigmas) - 1
    for index, sigma, sigma_next in pairs(sigmas):
        denoised = denoise(x, sigma)
        here, there = float(sigma), float(sigma_next)
        if there == 0:
            x = denoised
        else:
            timestep = sigmas_to_timesteps(level(there), table) * (1 - eta)
            down = min(float(timesteps_to_sigmas(timestep, table)), there) if eta else there
            x = euler_step(x, denoised, here, down)
            if down < there:
                x = x + noise(sigma, sigma_next) * (there**2 - down**2) ** 0.5
        if on_step:
            on_step(StepEvent(index + 1, steps, here, denoised))
    return x
