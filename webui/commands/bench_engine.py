"""The engine's part of `bench`: our loop against diffusers' own pipeline, in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from webui.engine.bench import compare, drawing_timer
from webui.engine.bench_beginning import beginning_costs
from webui.engine.bench_inpainting import painting_figures
from webui.services.models import ModelEntry


def compare_samplers(entry: ModelEntry, runs: int) -> Iterator[dict[str, Any]]:
    """A row of figures for each sampler, as soon as it is measured, at the model's own size.

    Raises:
        ModelFileError: the model cannot be loaded.
    """
    width, height = entry.native_size
    for comparison in compare(entry.path, width=width, height=height, runs=runs):
        ours, theirs = comparison.seconds
        yield {
            **asdict(comparison),
            "ratio": comparison.ratio,
            "ours_median": ours,
            "theirs_median": theirs,
        }


def cost_of_beginnings(entry: ModelEntry, runs: int) -> list[dict[str, Any]]:
    """A row of figures for each denoising strength, at the model's own size.

    Raises:
        ModelFileError: the model cannot be loaded.
    """
    width, height = entry.native_size
    costs = beginning_costs(entry.path, width=width, height=height, runs=runs)
    return [{**asdict(one), "expected": one.expected, "ratio": one.ratio} for one in costs]


def of_painting(entry: ModelEntry) -> dict[str, Any]:
    """Memory and seams of painting a part of a picture, at the model's own size.

    Raises:
        ModelFileError: the model cannot be loaded.
    """
    width, height = entry.native_size
    figures = painting_figures(entry.path, width=width, height=height)
    return {**asdict(figures), "times": figures.times}


def picture_timer(entry: ModelEntry) -> Callable[[], float]:
    """Draws one picture of 20 steps each time it is called; the seconds that it took.

    Raises:
        ModelFileError: the model cannot be loaded.
    """
    width, height = entry.native_size
    return drawing_timer(entry.path, width=width, height=height)
