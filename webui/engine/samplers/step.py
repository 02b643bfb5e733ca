"""What all samplers share: their argument types, the report of a step, and one step down."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

Denoiser = Callable[[Tensor, Tensor], Tensor]
Noise = Callable[[Tensor, Tensor], Tensor]

MOST_CHURN = 2**0.5 - 1
"""Largest growth of a level by churn. Karras et al. 2022, algorithm 2."""


@runtime_checkable
class TwoSidedDenoiser(Protocol):
    """A denoiser that can also tell what it would foresee without the prompt (ADR 15)."""

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The guided estimate, shaped like x."""

    def with_uncond(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """(the guided estimate, the estimate of the negative prompt alone), like x each."""


@dataclass(frozen=True, eq=False)
class StepEvent:
    """Step `step` of `steps` (from 1) is done; `denoised` is the picture as now foreseen.

    Samplers that choose their own steps count otherwise: DPM fast by calls of the model, several
    at once; DPM adaptive by the share of the way in log sigma, so that numbers may repeat.
    """

    step: int
    steps: int
    sigma: float
    denoised: Tensor


OnStep = Callable[[StepEvent], None]


def pairs(sigmas: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """(index, level, next level) of every step, the levels as 0-dimensional tensors."""
    for index in range(len(sigmas) - 1):
        yield index, sigmas[index], sigmas[index + 1]


def level(sigma: float) -> Tensor:
    """A noise level between two of the row's, in the form that denoisers are told it."""
    return torch.tensor(sigma, dtype=torch.float64)


def ancestral_split(sigma: float, sigma_next: float, eta: float) -> tuple[float, float]:
    """How far to step down and how much fresh noise to add, to arrive at `sigma_next`.

    Returns:
        (sigma_down, sigma_up) with sigma_down² + sigma_up² = sigma_next².
    """
    full = sigma_next * (max(sigma**2 - sigma_next**2, 0.0)) ** 0.5 / sigma
    up = min(sigma_next, eta * full)
    return min((sigma_next**2 - up**2) ** 0.5, sigma_next), up


def euler_step(x: Tensor, denoised: Tensor, sigma: float, sigma_next: float) -> Tensor:
    """Moves x along the line to `denoised`: from level sigma to sigma_next."""
    return denoised.lerp(x, sigma_next / sigma)


def slope(x: Tensor, denoised: Tensor, sigma: float) -> Tensor:
    """The probability flow's dx / dsigma, which is the noise. Karras et al. 2022, equation 3."""
    return (x - denoised) / sigma


def churn(
    x: Tensor,
    sigma: Tensor,
    noise: Noise,
    steps: int,
    *,
    s_churn: float,
    s_tmin: float,
    s_tmax: float,
    s_noise: float,
) -> tuple[Tensor, Tensor]:
    """Raises x to a higher level with fresh noise. Karras et al. 2022, algorithm 2, lines 4-6.

    With churn every step draws, those outside s_tmin … s_tmax in vain: users' pictures come from
    programs that do.

    Returns:
        (x, its level).
    """
    if s_churn <= 0:
        return x, sigma
    raised = sigma * (1 + min(s_churn / steps, MOST_CHURN))
    fresh = noise(sigma, raised)
    if not s_tmin <= float(sigma) <= s_tmax:
        return x, sigma
    return x + fresh * (math.sqrt(float(raised) ** 2 - float(sigma) ** 2) * s_noise), raised


def in_model_coordinates(x: Tensor, last: float) -> Tensor:
    """What a sampler of timesteps hands back: its row ends at timestep 1 or 0, not at level 0.

    There the result is given in the model's own coordinates: divided by sqrt(1 + last²).
    """
    return x * (1 + last**2) ** -0.5 if last else x
