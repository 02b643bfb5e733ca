"""Rows from tables that were fitted to a model, and from a fitted distribution."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from webui.engine.schedules import limits

AYS_SD1 = (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029)
GITS_SD1 = (14.615, 4.617, 2.507, 1.236, 0.702, 0.402, 0.240, 0.156, 0.104, 0.094, 0.029)
"""Levels of ten steps with Stable Diffusion 1.5."""

AYS_SDXL = (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029)
GITS_SDXL = (14.615, 4.734, 2.567, 1.529, 0.987, 0.652, 0.418, 0.268, 0.179, 0.127, 0.029)
"""The same with SDXL."""

BETA_SHAPE = 0.6
SERIES_TERMS = 60
BISECTIONS = 80

Numbers = npt.NDArray[np.float64]


def align_your_steps(n: int, model_sigmas: Tensor, *, sized: bool = False) -> Tensor:
    """Sabour, Fidler and Kreis 2024, "Align your steps", table 1, resampled to n levels, then 0.

    `sized`: for SDXL.
    """
    return _resampled(AYS_SDXL if sized else AYS_SD1, n)


def align_your_steps_gits(n: int, model_sigmas: Tensor, *, sized: bool = False) -> Tensor:
    """Chen et al. 2024, "On the trajectory regularity of ODE-based diffusion sampling" (GITS).

    `sized`: for SDXL.
    """
    return _resampled(GITS_SDXL if sized else GITS_SD1, n)


def beta(
    n: int,
    model_sigmas: Tensor,
    *,
    sigma_min: float | None = None,
    sigma_max: float | None = None,
    beta_alpha: float = BETA_SHAPE,
    beta_beta: float = BETA_SHAPE,
) -> Tensor:
    """Quantiles of a beta distribution, (0.6, 0.6) if not told otherwise, then 0.

    Lee et al. 2024, "Beta sampling is all you need". Spread over sigma, not over timesteps.
    """
    low, high = limits(model_sigmas, sigma_min, sigma_max)
    shares = beta_quantiles(1 - np.linspace(0, 1, n), beta_alpha, beta_beta)
    return torch.tensor([*(low + (high - low) * shares).tolist(), 0.0], dtype=torch.float64)


def beta_quantiles(probabilities: Numbers, a: float, b: float) -> Numbers:
    """The x in [0, 1] below which the beta distribution (a, b) has each of these probabilities.

    By bisection of the incomplete beta function: x^a / B times sum((1 - b)_k x^k / (k! (a + k))),
    which converges fast up to 1/2; above, by the symmetry of (a, b) at x and (b, a) at 1 - x.
    """
    upper = probabilities > _beta_below(np.array([0.5]), a, b)
    near_0 = _lower_quantiles(np.where(upper, 0, probabilities), a, b)
    near_1 = _lower_quantiles(np.where(upper, 1 - probabilities, 0), b, a)
    return np.where(upper, 1 - near_1, near_0)


def _lower_quantiles(probabilities: Numbers, a: float, b: float) -> Numbers:
    low, high = np.zeros_like(probabilities), np.full_like(probabilities, 0.5)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        below = _beta_below(middle, a, b) < probabilities
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def _beta_below(x: Numbers, a: float, b: float) -> Numbers:
    """The probability of less than x, for x up to 1/2."""
    whole = math.gamma(a) * math.gamma(b) / math.gamma(a + b)
    total, factor = np.zeros_like(x), 1.0
    for k in range(SERIES_TERMS):
        total += factor / (a + k) / whole * x**k
        factor *= (1 - b + k) / (k + 1)
    return total * x**a


def _resampled(table: tuple[float, ...], n: int) -> Tensor:
    """The table's levels as they are, or interpolated in log sigma, and a 0."""
    levels = np.array(table)
    if n != len(table):
        places = np.linspace(0, 1, len(table))
        levels = np.exp(np.interp(np.linspace(0, 1, n), places, np.log(levels)))
    return torch.tensor([*levels.tolist(), 0.0], dtype=torch.float64)
