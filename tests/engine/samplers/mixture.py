"""Data whose best denoiser is a formula, and the exact end of the way from noise to it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

MEANS, SPREAD = (-1.0, 0.5, 1.5), 0.3


def best(x: Tensor, sigma: Tensor) -> Tensor:
    """The posterior mean for a mixture of three equal Gaussians per number."""
    variance = SPREAD**2 + float(sigma) ** 2
    logits = torch.stack([-((x - mean) ** 2) / (2 * variance) for mean in MEANS])
    each = torch.stack([(SPREAD**2 * x + float(sigma) ** 2 * mean) / variance for mean in MEANS])
    return (logits.softmax(0) * each).sum(0)


def exact(x: Tensor, high: float, low: float) -> Tensor:
    """The probability flow's end at level `low`, from x at `high`, by a solver of order 8."""

    def flow(t: float, state: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        at = torch.from_numpy(state)
        sigma = torch.tensor(np.exp(-t), dtype=torch.float64)
        return np.asarray(-(at - best(at, sigma)).numpy())

    ends = -np.log(high), -np.log(low)
    solved = solve_ivp(flow, ends, x.flatten().numpy(), method="DOP853", rtol=1e-12, atol=1e-12)
    return torch.from_numpy(solved.y[:, -1]).reshape(x.shape)
