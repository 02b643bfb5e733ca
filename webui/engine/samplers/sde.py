"""DPM-Solver++ for the diffusion SDE. Lu et al. 2022, "DPM-Solver++", section 4.3 and appendix.

In lambda = -log sigma, with the share `eta` of the SDE's noise: eta 0 is the ODE's solver. Drawn
from one path per picture, the noise stays the same picture's whatever the number of steps.
"""

from __future__ import annotations

import math
from typing import Literal

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


def dpmpp_sde(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    on_step: OnStep | None = None,
) -> Tensor:
    """Single-step method through the middle in log sigma; two calls of the model per step."""
    steps = len(sigmas) - 1
    for index, sigma, sigma_next in pairs(sigmas):
        denoised = denoise(x, sigma)
        here, there = float(sigma), float(sigma_next)
        if there == 0:
            x = denoised
        else:
            middle = level(math.sqrt(here * there))
            down, up = ancestral_split(here, float(middle), eta)
            guess = euler_step(x, denoised, here, down)
            if up:
                guess = guess + noise(sigma, middle) * (up * s_noise)
            down, up = ancestral_split(here, there, eta)
            # With the midpoint at half of the step the first estimate's weight is 1 - 1 / 2r = 0.
            x = euler_step(x, denoise(guess, middle), here, down)
            if up:
                x = x + noise(sigma, sigma_next) * (up * s_noise)
        if on_step:
            on_step(StepEvent(index + 1, steps, here, denoised))
    return x


def dpmpp_2m_sde(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    solver: Literal["midpoint", "heun"] = "midpoint",
    on_step: OnStep | None = None,
) -> Tensor:
    """Two-step method; one call of the model per step. `solver`: how the slope is weighted."""
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
            share = -math.expm1(-h * (1 + eta))
            x = x * (1 - share) + denoised * share
            if before is not None:
                weight = share / 2 if solver == "midpoint" else 1 - share / (h * (1 + eta))
                x = x + (denoised - before) * (weight * h / h_before)
            x = _with_noise(x, sigma, sigma_next, noise, eta, s_noise)
            before, h_before = denoised, h
        if on_step:
            on_step(StepEvent(index + 1, steps, here, denoised))
    return x


def dpmpp_2m_sde_heun(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    on_step: OnStep | None = None,
) -> Tensor:
    """The same with the slope integrated exactly."""
    return dpmpp_2m_sde(
        denoise, x, sigmas, noise, eta=eta, s_noise=s_noise, solver="heun", on_step=on_step
    )


def dpmpp_3m_sde(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    on_step: OnStep | None = None,
) -> Tensor:
    """Three-step method (Crowson 2023, "k-diffusion"); one call of the model per step.

    The estimate is a parabola in lambda through the last three; its derivatives in units of the
    step, d1 and d2, are weighted by the functions phi_2 and phi_3 of exponential integrators.
    """
    steps = len(sigmas) - 1
    history: list[tuple[Tensor, float]] = []
    for index, sigma, sigma_next in pairs(sigmas):
        denoised = denoise(x, sigma)
        here, there = float(sigma), float(sigma_next)
        if there == 0:
            x = denoised
        else:
            h = math.log(here / there)
            grown = h * (1 + eta)
            share = -math.expm1(-grown)
            phi_2 = 1 - share / grown
            x = x * (1 - share) + denoised * share
            if len(history) == 1:
                [(last, h_1)] = history
                x = x + (denoised - last) * (phi_2 * h / h_1)
            elif history:
                (earlier, h_2), (last, h_1) = history
                r0, r1 = h_1 / h, h_2 / h
                near, far = (denoised - last) / r0, (last - earlier) / r1
                d2 = (near - far) / (r0 + r1)
                d1 = near + d2 * r0
                x = x + d1 * phi_2 - d2 * (phi_2 / grown - 0.5)
            x = _with_noise(x, sigma, sigma_next, noise, eta, s_noise)
            history = [*history[-1:], (denoised, h)]
        if on_step:
            on_step(StepEvent(index + 1, steps, here, denoised))
    return x


def _with_noise(
    x: Tensor, sigma: Tensor, sigma_next: Tensor, noise: Noise, eta: float, s_noise: float
) -> Tensor:
    """Adds the SDE's noise of a step: variance sigma_next² (1 - (sigma_next / sigma)^2 eta)."""
    here, there = float(sigma), float(sigma_next)
    added = there * math.sqrt(-math.expm1(-2 * eta * math.log(here / there)))
    return x + noise(sigma, sigma_next) * (added * s_noise) if added else x
