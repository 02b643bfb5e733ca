"""Rows from tables that were fitted to a model, and from a fitted distribution."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

AYS_SD1 = (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029)
GITS_SD1 = (14.615, 4.617, 2.507, 1.236, 0.702, 0.402, 0.240, 0.156, 0.104, 0.094, 0.029)
"""Levels of ten steps with Stable Diffusion 1.5."""

BETA_SHAPE = 0.6
SERIES_TERMS = 60
BISECTIONS = 80


def align_your_steps(n: int, model_sigmas: Tensor) -> Tensor:
    """Sabour, Fidler and Kreis 2024, "Align your steps", table 1, resampled to n levels, then 0."""
    return _resampled(AYS_SD1, n)


def align_your_steps_gits(n: int, model_sigmas: Tensor) -> Tensor:
    """Chen et al. 2024, "On the trajectory regularity of ODE-based diffusion sampling" (GITS)."""
    return _resampled(GITS_SD1, n)


def beta(n: int, model_sigmas: Tensor) -> Tensor:
    """Quantiles of the beta distribution (0.6, 0.6) between the model's ends, then 0.

    Lee et al. 2024, "Beta sampling is all you need". Spread over sigma, not over timesteps.
    """
    low, high = float(model_sigmas[0]), float(model_sigmas[-1])
    shares = [beta_quantile(float(1 - share)) for share in np.linspace(0, 1, n)]
    levels = [low + (high - low) * share for share in shares]
    return torch.tensor([*levels, 0.0], dtype=torch.float64)


def beta_quantile(probability: float) -> float:
    """The x in [0, 1] below which the symmetric beta distribution has this probability.

    By bisection of the incomplete beta function: x^a / B times sum((1 - a)_k x^k / (k! (a + k))),
    which converges fast up to 1/2; above, by symmetry.
    """
    if probability > 0.5:
        return 1 - beta_quantile(1 - probability)
    whole = math.gamma(BETA_SHAPE) ** 2 / math.gamma(2 * BETA_SHAPE)
    weights, factor = [], 1.0
    for k in range(SERIES_TERMS):
        weights.append(factor / (BETA_SHAPE + k) / whole)
        factor *= (1 - BETA_SHAPE + k) / (k + 1)
    low, high = 0.0, 0.5
    for _ in range(BISECTIONS):
        x = (low + high) / 2
        below = x**BETA_SHAPE * sum(weight * x**k for k, weight in enumerate(weights))
        low, high = (x, high) if below < probability else (low, x)
    return (low + high) / 2


def _resampled(table: tuple[float, ...], n: int) -> Tensor:
    """The table's levels as they are, or interpolated in log sigma, and a 0."""
    levels = np.array(table)
    if n != len(table):
        places = np.linspace(0, 1, len(table))
        levels = np.exp(np.interp(np.linspace(0, 1, n), places, np.log(levels)))
    return torch.tensor([*levels.tolist(), 0.0], dtype=torch.float64)
