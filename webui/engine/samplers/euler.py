"""Euler steps, without and with fresh noise. Karras et al. 2022, algorithms 1 and 2."""

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
    euler_step,
    pairs,
)


def euler(
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
    """Straight steps along the estimated direction; deterministic unless churned. Order 1."""
    steps = len(sigmas) - 1
    for index, sigma, sigma_next in pairs(sigmas):
        x, raised = churn(
            x, sigma, noise, steps, s_churn=s_churn, s_tmin=s_tmin, s_tmax=s_tmax, s_noise=s_noise
        )
        denoised = denoise(x, raised)
        there = float(sigma_next)
        # To 0 the last step is exact: interpolating would leave rounding dust.
        x = euler_step(x, denoised, float(raised), there) if there else denoised
        if on_step:
            on_step(StepEvent(index + 1, steps, float(sigma), denoised))
    return x


def euler_ancestral(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    on_step: OnStep | None = None,
) -> Tensor:
    """Euler steps that go down too far and come back up with fresh noise, in the share `eta`."""
    steps = len(sigmas) - 1
    for index, sigma, sigma_next in pairs(sigmas):
        denoised = denoise(x, sigma)
        here, there = float(sigma), float(sigma_next)
        down, up = ancestral_split(here, there, eta)
        x = euler_step(x, denoised, here, down) if there else denoised
        if up:
            x = x + noise(sigma, sigma_next) * (up * s_noise)
        if on_step:
            on_step(StepEvent(index + 1, steps, here, denoised))
    return x
