"""DEIS. Zhang and Chen 2023, "Fast sampling of diffusion models with exponential integrator".

tAB-DEIS, equation 15: the slopes are extrapolated by a polynomial in the time t of the
variance-preserving SDE, and that polynomial is integrated over sigma.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from webui.engine.samplers.multistep import adams_weights, multistep
from webui.engine.samplers.step import Denoiser, Noise, OnStep

ORDER = 3
SIGMA_LOW, SIGMA_HIGH, TIME_LOW = 0.002, 80.0, 1e-3
"""The linear SDE whose levels these are at times TIME_LOW and 1 (Karras et al. 2022, table 1)."""

BETA_RISE = 2 * (math.log1p(SIGMA_LOW**2) / TIME_LOW - math.log1p(SIGMA_HIGH**2)) / (TIME_LOW - 1)
BETA_START = math.log1p(SIGMA_HIGH**2) - BETA_RISE / 2


def deis(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, on_step: OnStep | None = None
) -> Tensor:
    """Up to three slopes; one call of the model per step, no noise."""
    levels = sigmas.tolist()

    def weights(index: int) -> Sequence[float]:
        return adams_weights(levels, index, ORDER, vp_time)

    return multistep(denoise, x, sigmas, weights, on_step)


def vp_time(sigma: float) -> float:
    """The time t with sigma² + 1 = exp(BETA_RISE t² / 2 + BETA_START t)."""
    root = math.sqrt(BETA_START**2 + 2 * BETA_RISE * math.log1p(sigma**2))
    return (root - BETA_START) / BETA_RISE
