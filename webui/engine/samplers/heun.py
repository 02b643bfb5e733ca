"""Steps that look ahead and correct themselves: Heun's method and a weighted kin of it."""

from __future__ import annotations

import math

from torch import Tensor

from webui.engine.samplers.step import (
    Denoiser,
    Noise,
    OnStep,
    StepEvent,
    churn,
    pairs,
    slope,
)


def heun(
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
    """Karras et al. 2022, algorithm 2. Order 2, two calls of the model in all steps but to 0."""
    steps = len(sigmas) - 1
    for index, sigma, sigma_next in pairs(sigmas):
        x, raised = churn(
            x, sigma, noise, steps, s_churn=s_churn, s_tmin=s_tmin, s_tmax=s_tmax, s_noise=s_noise
        )
        denoised = denoise(x, raised)
        x = heun_step(denoise, x, denoised, float(raised), sigma_next)
        if on_step:
            on_step(StepEvent(index + 1, steps, float(sigma), denoised))
    return x


def heun_step(
    denoise: Denoiser, x: Tensor, denoised: Tensor, here: float, sigma_next: Tensor
) -> Tensor:
    """One step from level `here`, where the model foresees `denoised`; exact to 0."""
    there = float(sigma_next)
    if there == 0:
        return denoised
    first = slope(x, denoised, here)
    guess = x + first * (there - here)
    second = slope(guess, denoise(guess, sigma_next), there)
    return x + (first + second) * ((there - here) / 2)


def heunpp2(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, on_step: OnStep | None = None
) -> Tensor:
    """Heun++: the slopes here and one and two steps ahead, weighted by their noise levels.

    Carzit 2024, "sd-webui-samplers-scheduler". The slopes ahead count with sigma_ahead / (3
    sigma_first), which fades to 0: late steps are Euler's, so its order is 1. Three calls of the
    model per step, two in the last but one, one in the last.
    """
    steps = len(sigmas) - 1
    first_level = float(sigmas[0])
    for index, sigma, sigma_next in pairs(sigmas):
        denoised = denoise(x, sigma)
        here, there = float(sigma), float(sigma_next)
        slopes, weights = [slope(x, denoised, here)], []
        ahead = min(steps - 1 - index, 2)
        guess, at = x, here
        for further in sigmas[index + 1 : index + 1 + ahead]:
            guess = guess + slopes[-1] * (float(further) - at)
            at = float(further)
            slopes.append(slope(guess, denoise(guess, further), at))
            weights.append(at / ((ahead + 1) * first_level))
        if there == 0:
            x = denoised
        else:
            mean = slopes[0] * (1 - sum(weights))
            for weight, ahead_slope in zip(weights, slopes[1:], strict=True):
                mean = mean + ahead_slope * weight
            x = x + mean * (there - here)
        if on_step:
            on_step(StepEvent(index + 1, steps, here, denoised))
    return x
