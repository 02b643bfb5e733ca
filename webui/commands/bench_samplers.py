"""The samplers' part of `bench`: distances to the limit of many steps, and a plot of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from webui.engine.convergence import measure
from webui.services.models import ModelEntry

WIDTH, HEIGHT, MARGIN, LABELS = 480, 520, 48, 150
"""Of one panel, in pixels: its size, the room for numbers, the room for names on the right."""

LOWEST, HIGHEST = 3e-3, 2.0
GRID = (0.01, 0.1, 1.0)
PAPER, LINES, INK = "#ffffff", "#dddddd", "#333333"
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2")
LINE_HEIGHT = 15

Row = dict[str, Any]


def sampler_distances(entry: ModelEntry) -> Iterator[Row]:
    """A row of figures for each sampler, as soon as it is measured, at the model's own size.

    Raises:
        ModelFileError: the model cannot be loaded.
    """
    width, height = entry.native_size
    for row in measure(entry.path, width=width, height=height):
        yield asdict(row)


def plot(rows: Sequence[Row], file: Path) -> None:
    """Draws distances over calls of the model, both logarithmic, a panel per kind of row.

    Left: the rows whose distance falls below 0.1; right: the others and those of the SDE.
    """
    apart = [row for row in rows if row["reference"] != rows[0]["reference"]]
    flow = [row for row in rows if row not in apart]
    near = [row for row in flow if min(row["distances"]) < 0.1]
    panels = [near, [row for row in flow if row not in near] + apart]
    image = Image.new("RGB", (WIDTH * len(panels), HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    for index, panel in enumerate(panels):
        _draw_panel(draw, panel, index * WIDTH)
    image.quantize(64).save(file, optimize=True)


def _draw_panel(draw: ImageDraw.ImageDraw, rows: Sequence[Row], left: int) -> None:
    calls = [count for row in rows for count in row["calls"]] or [1, 2]
    fewest = min(calls)
    most = max(*calls, fewest + 1)

    def place(count: int, distance: float) -> tuple[float, float]:
        across = math.log(count / fewest) / math.log(most / fewest)
        shown = min(max(distance, LOWEST), HIGHEST)
        down = math.log(HIGHEST / shown) / math.log(HIGHEST / LOWEST)
        return (
            left + MARGIN + across * (WIDTH - MARGIN - LABELS),
            MARGIN / 2 + down * (HEIGHT - 1.5 * MARGIN),
        )

    font = ImageFont.load_default(11)
    for value in GRID:
        start, end = place(fewest, value), place(most, value)
        draw.line([start, end], LINES)
        draw.text((left + 8, start[1] - 7), f"{value:g}", INK, font)
    for count in sorted({fewest, 10, 20, 50, 100, most}):
        if fewest <= count <= most:
            across, bottom = place(count, LOWEST)
            draw.line([place(count, HIGHEST), (across, bottom)], LINES)
            draw.text((across - 6, bottom + 6), str(count), INK, font)
    ends: list[tuple[float, str, str]] = []
    for index, row in enumerate(rows):
        colour = COLOURS[index % len(COLOURS)]
        points = [place(*pair) for pair in zip(row["calls"], row["distances"], strict=True)]
        draw.line(points, colour, 2, "curve")
        ends.append((points[-1][1], row["sampler"], colour))
    lowest_free = 0.0
    for height, name, colour in sorted(ends):
        lowest_free = max(height - 7, lowest_free)
        draw.text((left + WIDTH - LABELS + 8, lowest_free), name, colour, font)
        lowest_free += LINE_HEIGHT
