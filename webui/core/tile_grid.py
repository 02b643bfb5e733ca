"""Where the tiles of SD upscale lie on the enlarged picture, before anything is drawn.

The rules are those that users of stable-diffusion-webui know: as few rows and columns of tiles as
cover the picture with the wished overlap, spread evenly over it.
"""

from __future__ import annotations

from dataclasses import dataclass

from webui.core.enlarging import LARGEST_SIDE, MEGAPIXEL, MOST_PIXELS, Size
from webui.core.errors import InvalidRequest, Message
from webui.core.request import GenerationRequest
from webui.core.specs import NOT_ENLARGED

CELL = 8
SMALLEST = 64
"""Pixels on a side of the smallest tile; every tile is a whole number of cells."""

MOST_TILES = 2048


@dataclass(frozen=True)
class TileGrid:
    """The tiles of one picture, in the order of reading. All in pixels.

    size: (width, height) of the enlarged picture, which is the result's. tile: (width, height)
    that is drawn at a time; less than asked for where the picture is smaller, and up to a cell
    more than it. columns, rows: where tiles begin. overlap: over how much neighbours are blended.
    """

    size: Size
    tile: Size
    columns: tuple[int, ...]
    rows: tuple[int, ...]
    overlap: int

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return len(self.columns) * len(self.rows)

    @property
    def covered(self) -> Size:
        """(width, height) that the tiles cover: that of the picture, or of a larger tile."""
        return self.columns[-1] + self.tile[0], self.rows[-1] + self.tile[1]

    def place(self, tile: int) -> tuple[int, int]:
        """(left, top) of a tile."""
        row, column = divmod(tile, len(self.columns))
        return self.columns[column], self.rows[row]


def tile_grid(start: Size, request: GenerationRequest) -> TileGrid:
    """The tiles for a start picture of this size.

    Raises:
        InvalidRequest: the result would be too large, or the tiles too many.
    """
    size = enlarged(start, request)
    tile = _tile(size[0], request.width), _tile(size[1], request.height)
    columns, rows = (
        _starts(side, length, request.tile_overlap) for side, length in zip(size, tile, strict=True)
    )
    grid = TileGrid(size, tile, columns, rows, request.tile_overlap)
    if max(size) > LARGEST_SIDE or size[0] * size[1] > MOST_PIXELS:
        values = {**_said(grid), "side": LARGEST_SIDE, "high": MOST_PIXELS // MEGAPIXEL}
        raise InvalidRequest(Message("error.tile_size", values, "tile_scale"))
    if grid.count > MOST_TILES:
        values = {**_said(grid), "high": MOST_TILES}
        raise InvalidRequest(Message("error.tile_count", values, "tile_overlap"))
    return grid


def enlarged(start: Size, request: GenerationRequest) -> Size:
    """(width, height) of what becomes of a start picture of this size."""
    if request.tile_upscaler == NOT_ENLARGED:
        return start
    width, height = (max(1, round(side * request.tile_scale)) for side in start)
    return width, height


def tile_problems(request: GenerationRequest) -> list[Message]:
    """What is wrong with the fields of SD upscale when they are taken together."""
    if not request.tile_upscale:
        return []
    field = "tile_upscale"
    if not request.init_image:
        return [Message("error.tile_alone", {}, field)]
    problems = [Message("error.tile_part", {}, field)] if request.repaints else []
    if request.tiling:
        problems.append(Message("error.tile_seamless", {}, field))
    side = min(request.width, request.height)
    if request.tile_overlap >= side:
        values = {
            "got": request.tile_overlap,
            "tile": f"{request.width}x{request.height}",
            "high": side - 1,
        }
        problems.append(Message("error.tile_overlap", values, "tile_overlap"))
    return problems


def _tile(side: int, asked: int) -> int:
    """How much is drawn at a time of a side: whole cells, no more than are there."""
    return min(asked, max(SMALLEST, -(-side // CELL) * CELL))


def _starts(side: int, tile: int, overlap: int) -> tuple[int, ...]:
    """Where tiles begin along a side, evenly spread; neighbours share `overlap` or more."""
    if side <= tile:
        return (0,)
    gaps = -(-(side - tile) // (tile - overlap))
    return tuple(round(number * (side - tile) / gaps) for number in range(gaps + 1))


def _said(grid: TileGrid) -> dict[str, object]:
    return {
        "got": f"{grid.size[0]}x{grid.size[1]}",
        "tiles": grid.count,
        "tile": f"{grid.tile[0]}x{grid.tile[1]}",
    }
