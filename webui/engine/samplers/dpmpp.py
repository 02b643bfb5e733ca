"""DPM-Solver++ of second order. Lu et al. 2022, "DPM-Solver++", algorithms 1 (2S) and 2 (2M)."""

from __future__ import annotations

import math

from torch import Tensor

from webui.engine.samplers.step import (
    Denoiser,
    Noise,
    OnStep,
    StepEvent,
    ancestral_split,
    euler_step,
    level,
    pairs,
)


def dpmpp_2m(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, on_step: OnStep | None = None
) -> Tensor:
    """Two-step method in lambda = -log sigma; one call of the model per step, no noise."""
    steps = len(sigmas) - 1
    before: Tensor | None = None
    h_before = 0.0
    for index, sigma, sigma_next in pairs(sigmas):
        denoised = denoise(x, sigma)
        here, there = float(sigma), float(sigma_next)
        if there == 0:
            x = denoised
        else:
            h = math.log(here / there)
            target = denoised
            if before is not None:
                # Extrapolates the estimate to the middle of the step: r = h_before / h.
                target = denoised + (denoised - before) * (h / (2 * h_before))
            x = target.lerp(x, there / here)
            before, h_before = denoised, h
        if on_step:
            on_step(StepEvent(index + 1, steps, here, denoised))
    return x


def dpmpp_2s_ancestral(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    on_step: OnStep | None = None,
) -> Tensor:
    """Single-step method through the middle in log sigma, then fresh noise in the share `eta`.

    Two calls of the model in all steps but to 0.
    """
    steps = len(sigmas) - 1
    for index, sigma, sigma_next in pairs(sigmas):
        denoised = denoise(x, sigma)
        here = float(sigma)
        down, up = ancestral_split(here, float(sigma_next), eta)
        if down == 0:
            x = denoised
        else:
            middle = math.sqrt(here * down)
            guess = euler_step(x, denoised, here, middle)
            x = euler_step(x, denoise(guess, level(middle)), here, down)
        if up:
            x = x + noise(sigma, sigma_next) * (up * s_noise)
        if on_step:
            on_step(StepEvent(index + 1, steps, here, denoised))
    return x
