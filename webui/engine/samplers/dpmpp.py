"""DPM-Solver++ of second order. Lu et al. 2022, "DPM-Solver++", algorithm 2 (2M)."""

from __future__ import annotations

import math

from torch import Tensor

from webui.engine.samplers.step import Denoiser, Noise, OnStep, StepEvent, pairs


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
