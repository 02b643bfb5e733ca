"""UniPC. Zhao et al. 2023, "UniPC: A unified predictor-corrector framework", algorithms 5 to 8.

Data prediction, B1(h) = h, order 3, lower at both ends of the row. Written for coordinates whose
noise grows with sigma, where the paper's factor alpha is 1; lambda = -log sigma.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from webui.engine.samplers.step import (
    Denoiser,
    Noise,
    OnStep,
    StepEvent,
    euler_step,
    in_model_coordinates,
    pairs,
)

ORDER = 3


def unipc(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, on_step: OnStep | None = None
) -> Tensor:
    """One call of the model per step: its answer corrects the last step and predicts the next.

    Walks timesteps; see `ddim` for the coordinates of its result.
    """
    steps = len(sigmas) - 1
    levels = sigmas.tolist()
    history: list[Tensor] = []
    before, order = x, 1
    for index, sigma, _ in pairs(sigmas):
        denoised = denoise(x, sigma)
        if history:
            x = _solve(before, levels, index - 1, history[:order], denoised)
        before, history = x, [denoised, *history[: ORDER - 1]]
        order = min(ORDER, index + 1, steps - index)
        x = _solve(before, levels, index, history[:order], None)
        if on_step:
            on_step(StepEvent(index + 1, steps, levels[index], denoised))
    return in_model_coordinates(x, levels[-1])


def _solve(
    x: Tensor,
    levels: Sequence[float],
    index: int,
    estimates: Sequence[Tensor],
    arrived: Tensor | None,
) -> Tensor:
    """The step from level `index` to the next: predictor, or corrector if `arrived` is known.

    `estimates`: at levels index, index - 1, …, as many as the order; `arrived`: at the next one.
    """
    here, there = levels[index], levels[index + 1]
    newest = estimates[0]
    if there == 0:
        return newest
    h = math.log(here / there)
    ratios = [math.log(here / levels[index - back]) / h for back in range(1, len(estimates))]
    changes = [(past - newest) / r for past, r in zip(estimates[1:], ratios, strict=True)]
    if arrived is not None:
        ratios, changes = [*ratios, 1.0], [*changes, arrived - newest]
    result = euler_step(x, newest, here, there)
    for weight, change in zip(_weights(h, ratios), changes, strict=True):
        result = result + change * (weight * h)
    return result


def _weights(h: float, ratios: Sequence[float]) -> list[float]:
    """Solves the paper's equation 9, R rho = b, for as many unknowns as there are ratios.

    With one unknown the solution is taken as 1/2, which is exact to the same order.
    """
    count = len(ratios)
    if count < 2:
        return [0.5] * count
    rows = np.array([[ratio**power for ratio in ratios] for power in range(count)])
    right: list[float] = []
    phi, factorial = math.expm1(-h) / -h - 1, 1.0
    for power in range(1, count + 1):
        right.append(phi * factorial / -h)
        factorial *= power + 1
        phi = phi / -h - 1 / factorial
    return [float(value) for value in np.linalg.solve(rows, np.array(right))]
