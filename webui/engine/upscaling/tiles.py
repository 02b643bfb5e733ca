"""A picture through a model tile by tile: where tiles lie, and how their seams are hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

GRID = 32
"""Tiles begin at multiples of it, so that windows of attention (7 is rare, 8, 16 and 32 are
common) cut the picture as they would cut the whole."""

MARGIN = 24
"""What is drawn of a tile beyond what is used: near its edge a model does not see enough."""

FADE = 16
"""Over so many pixels a tile passes into the next."""

OVERLAP = 2 * MARGIN + FADE
"""What neighbours share, in pixels of the picture that is enlarged."""

Run = Callable[[Tensor], Tensor]
"""(C, h, w) to (C', h * scale, w * scale), both in [0, 1]."""


@dataclass(frozen=True)
class Span:
    """A tile along one axis: from `start` to `end`, and where it is alone.

    It fades in over the first pixels from `inner` on; what is before belongs to its neighbour.
    """

    start: int
    end: int
    inner: int

    @property
    def first(self) -> bool:
        """Whether there is none before it."""
        return self.inner == self.start


def spans(length: int, tile: int) -> tuple[Span, ...]:
    """Tiles of at most `tile` pixels, which is 96 or more, over an axis of so many pixels."""
    if length <= tile:
        return (Span(0, length, 0),)
    stride = max(GRID, (tile - OVERLAP) // GRID * GRID)
    found = [Span(0, tile, 0)]
    while found[-1].end < length:
        start = found[-1].start + stride
        if start + tile > length:  # back onto the picture, on the grid as far as that goes
            start = max(start - stride + GRID, -(-(length - tile) // GRID) * GRID)
        found.append(Span(start, min(start + tile, length), found[-1].end - MARGIN - FADE))
    return tuple(found)


def bands(picture: Tensor, scale: int, tile: int, run: Run) -> Iterator[Tensor]:
    """The enlarged rows of a picture, (C, H, W), from the top: float32 on the CPU.

    `run` gets one tile after the other, left to right, top to bottom.
    """
    rows, columns = (spans(length, tile) for length in picture.shape[-2:])
    left = torch.empty(0)  # rows of the band above that the present one fades into
    for number, row in enumerate(rows):
        band = _band(picture[:, row.start : row.end], columns, scale, run)
        top = row.inner - row.start
        below = rows[number + 1] if number + 1 < len(rows) else None
        used = band[:, top * scale :]
        if not row.first:
            fade = _ramp(FADE * scale)[:, None]
            part = used[:, : FADE * scale]
            used[:, : FADE * scale] = left + (part - left) * fade
        if below is None:
            yield used
            return
        cut = (below.inner - row.inner) * scale
        left = used[:, cut : cut + FADE * scale].clone()
        yield used[:, :cut]


def tiles_of(width: int, height: int, tile: int) -> int:
    """How many tiles a picture is cut into."""
    return len(spans(width, tile)) * len(spans(height, tile))


def _band(strip: Tensor, columns: Sequence[Span], scale: int, run: Run) -> Tensor:
    width, height = strip.shape[-1], strip.shape[-2]
    band = torch.empty(0)
    for column in columns:
        done = run(strip[:, :, column.start : column.end]).float().cpu()
        if not band.numel():
            band = torch.empty(done.shape[0], height * scale, width * scale)
        begin, skipped = column.inner * scale, (column.inner - column.start) * scale
        used = done[:, :, skipped:]
        if not column.first:
            old = band[:, :, begin : begin + FADE * scale]
            faded = old + (used[:, :, : FADE * scale] - old) * _ramp(FADE * scale)
            used = torch.cat([faded, used[:, :, FADE * scale :]], dim=2)
        band[:, :, begin : column.end * scale] = used
    return band


def _ramp(length: int) -> Tensor:
    """From almost 0 to almost 1, alike from both sides."""
    return (torch.arange(length) + 0.5) / length
