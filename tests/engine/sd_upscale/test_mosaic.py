"""Tiles cut out and put together."""

from __future__ import annotations

import numpy as np
import pytest

from webui.core.request import GenerationRequest
from webui.core.tile_grid import TileGrid, tile_grid
from webui.engine.latents import Pixels
from webui.engine.sd_upscale.mosaic import Cutter, Mosaic


def grid_of(width: int, height: int, **fields: object) -> TileGrid:
    asked = {"width": 64, "height": 64, "tile_overlap": 16, "tile_scale": 1, **fields}
    return tile_grid((width, height), GenerationRequest.model_validate(asked))


def laid(grid: TileGrid, tiles: list[Pixels]) -> Pixels:
    mosaic = Mosaic(grid)
    for number, tile in enumerate(tiles):
        mosaic.lay(number, tile)
    return mosaic.picture()


@pytest.mark.parametrize("overlap", [0, 16, 40, 56])
@pytest.mark.parametrize("size", [(200, 131), (64, 64), (30, 100), (65, 64), (1, 1)])
def test_what_is_cut_and_put_together_is_the_same(size: tuple[int, int], overlap: int) -> None:
    width, height = size
    picture = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    grid = grid_of(width, height, tile_overlap=overlap)
    cutter = Cutter(picture, grid)
    tiles = [cutter.cut(number) for number in range(grid.count)]
    assert {tile.shape for tile in tiles} == {(grid.tile[1], grid.tile[0], 3)}
    assert np.array_equal(laid(grid, tiles), picture)


def test_neighbours_pass_into_each_other_in_the_middle_of_what_they_share() -> None:
    """Two tiles that share 32 pixels and are blended over 16 of them, across and down."""
    for turned in (False, True):
        grid = grid_of(64, 96) if turned else grid_of(96, 64)
        assert grid.count == 2
        dark, bright = (np.full((64, 64, 3), value, np.uint8) for value in (0, 160))
        picture = laid(grid, [dark, bright])
        line = picture[:, 10, 0] if turned else picture[10, :, 0]
        assert line[:40].max() == 0
        assert line[56:].min() == 160
        assert line[40:56].tolist() == [5 + 10 * step for step in range(16)]


def test_edges_continue_where_a_tile_is_larger_than_the_picture() -> None:
    picture = np.arange(60 * 61 * 3, dtype=np.uint32).astype(np.uint8).reshape(61, 60, 3)
    grid = grid_of(60, 61)
    tile = Cutter(picture, grid).cut(0)
    assert tile.shape == (64, 64, 3)
    assert np.array_equal(tile[:61, 60], picture[:, 59])
    assert np.array_equal(tile[63, :60], picture[60])
    assert np.array_equal(laid(grid, [tile]), picture)
