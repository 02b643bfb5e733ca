"""The plot of the samplers' distances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from webui.commands.bench import distance_table
from webui.commands.bench_samplers import plot
from webui.commands.speech import Speech


def row(sampler: str, reference: str, *distances: float) -> dict[str, Any]:
    return {
        "sampler": sampler,
        "schedule": "",
        "reference": reference,
        "steps": (5, 50),
        "distances": distances,
        "calls": (5, 50),
    }


ROWS = [row("A", "flow", 0.5, 0.01), row("B", "flow", 1.0, 0.9), row("C", "path", 0.7, 1e-6)]


def has(file: Path, colour: tuple[int, int, int]) -> bool:
    """Whether the picture has more than a few pixels of about this colour."""
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    return int((np.abs(pixels - colour).max(2) < 12).sum()) > 50


def test_the_plot_has_a_line_for_each_row(tmp_path: Path) -> None:
    file = tmp_path / "plot.png"
    plot(ROWS, file)
    assert has(file, (31, 119, 180))
    assert has(file, (214, 39, 40))  # the second of the right panel
    plot(ROWS[:1], file)
    assert has(file, (31, 119, 180))
    assert not has(file, (214, 39, 40))


def test_the_table_has_a_row_for_each_sampler() -> None:
    table = distance_table(ROWS, Speech("en"))
    assert table.row_count == 3
    assert [str(column.header) for column in table.columns[2:]] == ["5", "50"]
