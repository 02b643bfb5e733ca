"""Euler steps, without and with fresh noise. Karras et al. 2022, algorithms 1 and 2."""

from __future__ import annotations

from torch import Tensor

from webui.engine.samplers.step import (
    Denoiser,
    Noise,
    OnStep,
    StepEvent,
    ancestral_split,
    euler_step,
    pairs,
)


def euler(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, on_step: OnStep | None = None
) -> Tensor:
    """Straight steps along the estimated direction; deterministic."""
    return euler_ancestral(denoise, x, sigmas, noise, eta=0.0, on_step=on_step)


def euler_ancestral(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    eta: float = 1.0,
    on_step: OnStep | None = None,
) -> Tensor:
    """Euler steps that go down too far and come back up with fresh noise, in the share `eta`."""
    steps = len(sigmas) - 1
    for index, sigma, sigma_next in pairs(sigmas):
        denoised = denoise(x, sigma)
        here, there = float(sigma), float(sigma_next)
        down, up = ancestral_split(here, there, eta)
        # To 0 the last step is exact: interpolating would leave rounding dust.
        x = euler_step(x, denoised, here, down) if there else denoised
        if up:
            x = x + noise(sigma, sigma_next) * up
        if on_step:
            on_step(StepEvent(index + 1, steps, here, denoised))
    return x
