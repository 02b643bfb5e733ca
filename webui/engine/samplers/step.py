"""What all samplers share: their argument types, the report of a step, and one step down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

Denoiser = Callable[[Tensor, Tensor], Tensor]
Noise = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class StepEvent:
    """Step `step` of `steps` (from 1) is done; `denoised` is the picture as now foreseen."""

    step: int
    steps: int
    sigma: float
    denoised: Tensor


OnStep = Callable[[StepEvent], None]


def pairs(sigmas: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """(index, level, next level) of every step, the levels as 0-dimensional tensors."""
    for index in range(len(sigmas) - 1):
        yield index, sigmas[index], sigmas[index + 1]


def ancestral_split(sigma: float, sigma_next: float, eta: float) -> tuple[float, float]:
    """How far to step down and how much fresh noise to add, to arrive at `sigma_next`.

    Returns:
        (sigma_down, sigma_up) with sigma_down² + sigma_up² = sigma_next².
    """
    full = sigma_next * (max(sigma**2 - sigma_next**2, 0.0)) ** 0.5 / sigma
    up = min(sigma_next, eta * full)
    return (sigma_next**2 - up**2) ** 0.5, up


def euler_step(x: Tensor, denoised: Tensor, sigma: float, sigma_next: float) -> Tensor:
    """Moves x along the line to `denoised`: from level sigma to sigma_next."""
    return denoised.lerp(x, sigma_next / sigma)
