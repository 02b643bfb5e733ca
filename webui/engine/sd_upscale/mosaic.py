"""A picture cut into tiles, and tiles put together to a picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from webui.core.tile_grid import TileGrid
from webui.engine.latents import Pixels

Floats = npt.NDArray[np.float32]


class Cutter:
    """Cuts tiles out of the enlarged picture."""

    def __init__(self, picture: Pixels, grid: TileGrid) -> None:
        """Takes (H, W, 3) of the grid's size; its edges continue where a tile is larger."""
        width, height = grid.size
        wide, high = grid.covered
        borders = ((0, high - height), (0, wide - width), (0, 0))
        self._picture = np.pad(picture, borders, mode="edge") if any(map(any, borders)) else picture
        self._grid = grid

    def cut(self, tile: int) -> Pixels:
        """The tile of this number, (h, w, 3)."""
        left, top = self._grid.place(tile)
        width, height = self._grid.tile
        return self._picture[top : top + height, left : left + width]


class Mosaic:
    """Tiles that are put together, one after the other in their order.

    Two neighbours are blended in straight lines over the grid's overlap, in the middle of what
    they share: there both have seen the same distance beyond. The row at work is kept apart, so
    that at no time more is held than the picture and one row of tiles.
    """

    def __init__(self, grid: TileGrid) -> None:
        self._grid = grid
        wide, high = grid.covered
        self._picture: Pixels = np.empty((high, wide, 3), np.uint8)
        self._row: Pixels = np.empty((grid.tile[1], wide, 3), np.uint8)

    def lay(self, tile: int, drawn: Pixels) -> None:
        """Puts down the tile of this number, (h, w, 3)."""
        row, column = divmod(tile, len(self._grid.columns))
        _lay(self._row, drawn, self._grid.columns, column, self._grid.overlap)
        if column == len(self._grid.columns) - 1:
            turned = self._picture.swapaxes(0, 1)
            _lay(turned, self._row.swapaxes(0, 1), self._grid.rows, row, self._grid.overlap)

    def picture(self) -> Pixels:
        """The whole, (H, W, 3), once all tiles lie."""
        width, height = self._grid.size
        return np.ascontiguousarray(self._picture[:height, :width])


def _lay(whole: Pixels, part: Pixels, starts: tuple[int, ...], number: int, overlap: int) -> None:
    """Lays `part`, (h, w, 3), over `whole`, (h, W, 3), along the second axis, fading it in."""
    start = starts[number]
    end = start + part.shape[1]
    if number == 0:
        whole[:, start:end] = part
        return
    shared = starts[number - 1] + part.shape[1] - start
    begin = (shared - overlap) // 2
    fade = slice(start + begin, start + begin + overlap)
    old = whole[:, fade].astype(np.float32)
    new = part[:, begin : begin + overlap]
    blended = old + (new - old) * _ramp(overlap)[:, None]
    whole[:, fade] = np.rint(blended).astype(np.uint8)
    whole[:, fade.stop : end] = part[:, begin + overlap :]


def _ramp(length: int) -> Floats:
    """From almost 0 to almost 1, alike from both sides."""
    return ((np.arange(length) + 0.5) / max(length, 1)).astype(np.float32)
