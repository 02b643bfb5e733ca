"""Restart sampling. Xu et al. 2023, "Restart sampling for improving generative processes"."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor

from webui.engine.samplers.heun import heun_step
from webui.engine.samplers.step import Denoiser, Noise, OnStep, StepEvent, level
from webui.engine.schedules import karras_levels

LEVEL, HIGHEST = 0.1, 2.0
"""After the step to the level nearest LEVEL, the way from about HIGHEST is gone again."""

FEWEST_STEPS, STEPS, MANY_STEPS = 20, 9, 36


def restart(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    s_noise: float = 1.0,
    on_step: OnStep | None = None,
) -> Tensor:
    """Algorithm 1: Heun's steps, thrown back up with fresh noise once or twice on the way.

    Below 20 steps plain Heun. Of 20 steps and more, 9 belong to the repeated part; of 36 and
    more, twice a quarter of them. Only the first and the last level above 0 of the row are then
    used. The number of steps stays.
    """
    plan = restart_plan(sigmas.tolist())
    last = plan[0][0]
    for index, (here, there) in enumerate(plan):
        if here > last:
            added = (here**2 - last**2) ** 0.5 * s_noise
            x = x + noise(level(last), level(here)) * added
        denoised = denoise(x, level(here))
        x, last = heun_step(denoise, x, denoised, here, level(there)), there
        if on_step:
            on_step(StepEvent(index + 1, len(plan), here, denoised))
    return x


def restart_plan(row: list[float]) -> list[tuple[float, float]]:
    """The steps in their order, (from, to). A step from above the last one's end is a restart."""
    steps = len(row) - 1
    if steps < FEWEST_STEPS:
        return list(pairwise(row))
    repeated, times = (STEPS, 1) if steps < MANY_STEPS else (steps // 4, 2)
    base = [*karras_levels(steps - repeated * times, row[-2], row[0]).tolist(), 0.0]
    low, high = (_nearest(base, wanted) for wanted in (LEVEL, HIGHEST))
    plan = list(pairwise(base[: low + 1]))
    if high < low:
        again = karras_levels(repeated + 1, base[low], base[high]).tolist()
        plan += list(pairwise(again)) * times
    return plan + list(pairwise(base[low:]))


def _nearest(row: list[float], wanted: float) -> int:
    return min(range(len(row)), key=lambda index: abs(row[index] - wanted))
