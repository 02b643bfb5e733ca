"""The engine's part of `bench`: our loop against diffusers' own pipeline, in one process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from webui.engine.bench import compare
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
