"""Linear multistep methods: the slopes of earlier steps are used again, so a step is one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from webui.engine.samplers.step import (
    Denoiser,
    Noise,
    OnStep,
    StepEvent,
    in_model_coordinates,
    pairs,
    slope,
)

ADAMS_BASHFORTH = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)
"""Weights of the newest slope, the one before it, … for equal steps, by order."""

MOST_SLOPES = 4
POINTS = 32
"""Points of the quadrature: exact for LMS' polynomials, to 1e-12 for DEIS' functions."""

Weights = Callable[[int], Sequence[float]]
"""The weights of step `index` for the slopes, newest first, in units of the step's length."""


def lms(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, on_step: OnStep | None = None
) -> Tensor:
    """Adams-Bashforth of order 4 for uneven steps (Crowson 2022, "k-diffusion").

    The polynomial through the slopes is integrated over sigma, to 0 as well.
    """
    levels = sigmas.tolist()

    def weights(index: int) -> Sequence[float]:
        return adams_weights(levels, index, MOST_SLOPES)

    return multistep(denoise, x, sigmas, weights, on_step, exact_end=False)


def ipndm(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, on_step: OnStep | None = None
) -> Tensor:
    """Improved PNDM. Zhang and Chen 2023, "Fast sampling with exponential integrator", eq. 20.

    Weights of equal steps, up to four slopes, whatever the row.
    """

    def weights(index: int) -> Sequence[float]:
        return ADAMS_BASHFORTH[min(index, MOST_SLOPES - 1)]

    return multistep(denoise, x, sigmas, weights, on_step)


def ipndm_v(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, on_step: OnStep | None = None
) -> Tensor:
    """The same with weights for uneven steps. Zhou et al. 2024, "diff-sampler", `ipndm_v`."""
    levels = sigmas.tolist()

    def weights(index: int) -> Sequence[float]:
        steps = [levels[i + 1] - levels[i] for i in range(max(index - 3, 0), index + 1)]
        return ipndm_v_weights(steps[::-1])

    return multistep(denoise, x, sigmas, weights, on_step)


def plms(
    denoise: Denoiser, x: Tensor, sigmas: Tensor, noise: Noise, *, on_step: OnStep | None = None
) -> Tensor:
    """Pseudo linear multistep. Liu et al. 2022, "Pseudo numerical methods", equations 9 and 12.

    The first step asks the model a second time, at its end, and takes the mean (Heun's method).
    Walks timesteps; see `ddim` for the coordinates of its result.
    """

    def weights(index: int) -> Sequence[float]:
        return ADAMS_BASHFORTH[min(index, MOST_SLOPES - 1)]

    x = multistep(denoise, x, sigmas, weights, on_step, first_twice=True)
    return in_model_coordinates(x, float(sigmas[-1]))


def multistep(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    weights: Weights,
    on_step: OnStep | None,
    *,
    exact_end: bool = True,
    first_twice: bool = False,
) -> Tensor:
    """Steps along a weighted sum of the last slopes.

    `exact_end`: a step to 0 takes the model's estimate. `first_twice`: the first step is Heun's.
    """
    steps = len(sigmas) - 1
    slopes: list[Tensor] = []
    for index, sigma, sigma_next in pairs(sigmas):
        denoised = denoise(x, sigma)
        here, there = float(sigma), float(sigma_next)
        slopes = [slope(x, denoised, here), *slopes[: MOST_SLOPES - 1]]
        if there == 0 and exact_end:
            x = denoised
        elif first_twice and index == 0:
            guess = x + slopes[0] * (there - here)
            second = slope(guess, denoise(guess, sigma_next), there)
            x = x + (slopes[0] + second) * ((there - here) / 2)
        else:
            for weight, past in zip(weights(index), slopes, strict=False):
                x = x + past * (weight * (there - here))
        if on_step:
            on_step(StepEvent(index + 1, steps, here, denoised))
    return x


def adams_weights(
    levels: Sequence[float],
    index: int,
    order: int,
    clock: Callable[[float], float] = float,
) -> list[float]:
    """Weights of the polynomial, in the time that `clock` tells, through up to `order` slopes.

    The integral over sigma of each slope's Lagrange polynomial, divided by the step's length.
    """
    here, there = levels[index], levels[index + 1]
    nodes = [clock(levels[index - back]) for back in range(min(order, index + 1))]
    points, shares = np.polynomial.legendre.leggauss(POINTS)
    times = [clock(here + (there - here) * (point + 1) / 2) for point in points]
    weights = []
    for node in nodes:
        others = [other for other in nodes if other != node]
        values = [np.prod([(time - o) / (node - o) for o in others]) for time in times]
        weights.append(float(np.dot(shares, values)) / 2)
    return weights


def ipndm_v_weights(steps: Sequence[float]) -> list[float]:
    """Weights for the lengths of this step, the one before it, … (one to four of them).

    Differences of slopes as in Newton's interpolation on uneven nodes. The factors of the second
    and third ones are kept as published and as other programs draw with them; they are those of
    Adams and Bashforth for up to three equal steps alone.
    """
    if len(steps) == 1:
        return [1.0]
    h, h1 = steps[:2]
    weights = [1 + h / h1 / 2, -h / h1 / 2]
    if len(steps) == 2:
        return weights
    h2 = steps[2]
    a, b = h / (3 * (h + h1)), h * (h + h1) / (h1 * (h1 + h2))
    factor = (1 - a * b) / 2
    second = (1.0, -1 - h1 / h2, h1 / h2)
    weights = [weights[0] + factor, weights[1] + factor * second[1], factor * second[2]]
    if len(steps) == 3:
        return weights
    h3 = steps[3]
    ratio = h1 * (h1 + h2) / (h2 * (h2 + h3))
    factor = (1 - a) / 2 + (1 - h / (2 * (h + h1))) * h / (6 * (h + h1 + h2))
    factor *= b * (h + h1 + h2) / (h1 + h2 + h3)
    third = (1.0, second[1] - ratio, second[2] + ratio * (1 + h2 / h3), -ratio * h1 / h2)
    return [old + factor * new for old, new in zip([*weights, 0.0], third, strict=True)]
