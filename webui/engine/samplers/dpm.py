"""DPM-Solver with steps of its own. Lu et al. 2022, "DPM-Solver", algorithms 1 to 4.

In time t = -log sigma, where the paper's factor alpha is 1, with noise prediction `eps`. Both
samplers use only the two ends of the row and stop at the lowest level of the model, not at 0.
"""

from __future__ import annotations

import math

from torch import Tensor

from webui.engine.samplers.step import (
    Denoiser,
    Noise,
    OnStep,
    StepEvent,
    ancestral_split,
    level,
    slope,
)

RTOL, ATOL = 0.05, 0.0078
FIRST_STEP, SHORTEST_STEP = 0.05, 0.005
"""In t. A step as short as the latter is taken whatever its error, so that every run ends."""

ACCEPT_SAFETY = 0.81
NEAR_END = 1e-5


def dpm_fast(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    sigma_min: float | None = None,
    on_step: OnStep | None = None,
) -> Tensor:
    """DPM-Solver-fast: as many calls of the model as the row has steps, three to a step.

    Even steps in log sigma of order 3, then what is left over. Steps are reported by calls.
    """
    calls = len(sigmas) - 1
    start, end = _ends(sigmas, sigma_min)
    orders = fast_orders(calls)
    done = 0
    for index, order in enumerate(orders):
        t = start + (end - start) * index / len(orders)
        t_next = start + (end - start) * (index + 1) / len(orders)
        here = math.exp(-t)
        denoised = denoise(x, level(here))
        eps = slope(x, denoised, here)
        down, up = _split(t, t_next, end, eta)
        if order == 1:
            x = _first(x, eps, t, down)
        elif order == 2:
            x = _second(x, eps, _middle(denoise, x, eps, t, down, 1 / 2), t, down, 1 / 2)
        else:
            middle = _middle(denoise, x, eps, t, down, 1 / 3)
            x = _third(denoise, x, eps, middle, t, down)
        if up:
            x = x + noise(level(here), level(math.exp(-t_next))) * (up * s_noise)
        done += order
        if on_step:
            on_step(StepEvent(done, calls, here, denoised))
    return x


def fast_orders(calls: int) -> list[int]:
    """The orders of the steps; their sum is `calls`. Section 3.3 of the paper."""
    steps = calls // 3 + 1
    if calls % 3 == 0:
        return [3] * (steps - 2) + [2, 1]
    return [3] * (steps - 1) + [calls % 3]


def dpm_adaptive(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    sigma_min: float | None = None,
    on_step: OnStep | None = None,
) -> Tensor:
    """DPM-Solver-12/23 (algorithm 2): orders 2 and 3 side by side choose the step's length.

    As many steps as the picture needs; the row's length only divides the progress, which is
    reported as the share of the way in t. A batch takes its steps together, so the caller gives
    it picture by picture. Latents that are not finite end the run and are returned.
    """
    start, end = _ends(sigmas, sigma_min)
    steps = len(sigmas) - 1
    power = 1 / (1.5 if eta else 3)
    t, h, low = start, FIRST_STEP, x
    while t < end - NEAR_END:
        t_next, here = min(end, t + h), math.exp(-t)
        down, up = _split(t, t_next, end, eta)
        denoised = denoise(x, level(here))
        eps = slope(x, denoised, here)
        middle = _middle(denoise, x, eps, t, down, 1 / 3)
        second = _second(x, eps, middle, t, down, 1 / 3)
        third = _third(denoise, x, eps, middle, t, down)
        error = _error(second, third, low)
        if not math.isfinite(error):
            return third
        factor = 1 + math.atan((error + 1e-8) ** -power - 1)
        if factor >= ACCEPT_SAFETY or h <= SHORTEST_STEP:
            x, low, t = third, second, t_next
            if up:
                x = x + noise(level(here), level(math.exp(-t))) * (up * s_noise)
        h = max(h * factor, SHORTEST_STEP)
        if on_step:
            share = (t - start) / (end - start)
            step = min(max(math.ceil(share * steps - NEAR_END), 1), steps)
            on_step(StepEvent(step, steps, here, denoised))
    return x


def _ends(sigmas: Tensor, sigma_min: float | None) -> tuple[float, float]:
    """Where t begins and ends: the row's first level, and the model's lowest."""
    low = float(sigmas[sigmas > 0].min()) if sigma_min is None else sigma_min
    return -math.log(float(sigmas[0])), -math.log(low)


def _split(t: float, t_next: float, end: float, eta: float) -> tuple[float, float]:
    """(the t to step down to, the noise that brings it back up to t_next)."""
    down, _ = ancestral_split(math.exp(-t), math.exp(-t_next), eta)
    t_down = min(-math.log(down), end) if eta else t_next
    return t_down, math.sqrt(max(math.exp(-2 * t_next) - math.exp(-2 * t_down), 0.0))


def _first(x: Tensor, eps: Tensor, t: float, t_next: float) -> Tensor:
    return x - eps * (math.exp(-t_next) * math.expm1(t_next - t))


def _middle(
    denoise: Denoiser, x: Tensor, eps: Tensor, t: float, t_next: float, part: float
) -> Tensor:
    """The noise foreseen after `part` of the step, at the end of a step of order 1."""
    inner = t + part * (t_next - t)
    guess = _first(x, eps, t, inner)
    sigma = math.exp(-inner)
    return slope(guess, denoise(guess, level(sigma)), sigma)


def _second(x: Tensor, eps: Tensor, middle: Tensor, t: float, t_next: float, part: float) -> Tensor:
    """Order 2, algorithm 1, from the noise here and after `part` of the step."""
    weight = math.exp(-t_next) * math.expm1(t_next - t)
    return x - eps * weight - (middle - eps) * (weight / (2 * part))


def _third(
    denoise: Denoiser, x: Tensor, eps: Tensor, middle: Tensor, t: float, t_next: float
) -> Tensor:
    """Order 3, algorithm 4, with r1 = 1/3 and r2 = 2/3; `middle` is the noise after r1."""
    h = t_next - t
    inner, part = t + h * 2 / 3, h * 2 / 3
    sigma = math.exp(-inner)
    bend = math.expm1(part) / part - 1
    guess = _first(x, eps, t, inner) - (middle - eps) * (2 * sigma * bend)
    last = slope(guess, denoise(guess, level(sigma)), sigma)
    bend = (math.expm1(h) / h - 1) * 1.5
    return _first(x, eps, t, t_next) - (last - eps) * (math.exp(-t_next) * bend)


def _error(second: Tensor, third: Tensor, before: Tensor) -> float:
    """The root mean square of the difference, in units of what is tolerated at each place."""
    tolerated = (second.abs().maximum(before.abs()) * RTOL).clamp(min=ATOL)
    return float(((second - third) / tolerated).double().pow(2).mean().sqrt())
