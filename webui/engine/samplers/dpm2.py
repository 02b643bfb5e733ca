"""Midpoint steps in log sigma. Lu et al. 2022, "DPM-Solver", algorithm 1 (DPM-Solver-2).

As Karras et al. 2022 use it in their comparison: the midpoint's slope over a straight step.
"""

from __future__ import annotations

import math

from torch import Tensor

from webui.engine.samplers.step import (
    Denoiser,
    Noise,
    OnStep,
    StepEvent,
    ancestral_split,
    churn,
    level,
    pairs,
    slope,
)


def dpm2(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    s_churn: float = 0.0,
    s_tmin: float = 0.0,
    s_tmax: float = math.inf,
    s_noise: float = 1.0,
    on_step: OnStep | None = None,
) -> Tensor:
    """Two calls of the model in all steps but to 0; deterministic unless churned."""
    steps = len(sigmas) - 1
    for index, sigma, sigma_next in pairs(sigmas):
        x, raised = churn(
            x, sigma, noise, steps, s_churn=s_churn, s_tmin=s_tmin, s_tmax=s_tmax, s_noise=s_noise
        )
        denoised = denoise(x, raised)
        x = midpoint_step(denoise, x, denoised, float(raised), float(sigma_next))
        if on_step:
            on_step(StepEvent(index + 1, steps, float(sigma), denoised))
    return x


def dpm2_ancestral(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    on_step: OnStep | None = None,
) -> Tensor:
    """The same with fresh noise after every step, in the share `eta`."""
    steps = len(sigmas) - 1
    for index, sigma, sigma_next in pairs(sigmas):
        denoised = denoise(x, sigma)
        here = float(sigma)
        down, up = ancestral_split(here, float(sigma_next), eta)
        x = midpoint_step(denoise, x, denoised, here, down)
        if up:
            x = x + noise(sigma, sigma_next) * (up * s_noise)
        if on_step:
            on_step(StepEvent(index + 1, steps, here, denoised))
    return x


def midpoint_step(
    denoise: Denoiser, x: Tensor, denoised: Tensor, here: float, there: float
) -> Tensor:
    """A step with the slope at the geometric mean of both levels; exact to 0."""
    if there == 0:
        return denoised
    middle = math.sqrt(here * there)
    guess = x + slope(x, denoised, here) * (middle - here)
    return x + slope(guess, denoise(guess, level(middle)), middle) * (there - here)
