"""SD upscale: pictures that are drawn in tiles, as all others are drawn in batches."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from torch import Tensor

from webui.core.errors import Skipped
from webui.core.request import GenerationRequest
from webui.core.seeds import picture_seed, single
from webui.core.tile_grid import TileGrid
from webui.engine.batches import draw_batch, in_batches
from webui.engine.drawing import Drawing
from webui.engine.latents import Pixels
from webui.engine.samplers import StepEvent
from webui.engine.sd_upscale.mosaic import Mosaic
from webui.engine.watching import Indices, Picture, Watcher


def draw_in_tiles(
    drawing: Drawing,
    grid: TileGrid,
    request: GenerationRequest,
    wanted: Indices,
    watcher: Watcher,
    extra: Mapping[str, str],
) -> None:
    """Makes pictures out of tiles, one after the other.

    Tiles are seeded like the pictures of a batch that begins with their picture's seed, so that
    no two have the same noise, which would show as a pattern.
    """
    for index in wanted:
        watcher.on_phase("denoise", index)
        try:
            pixels = tiled_picture(drawing, grid, single(request, index), index, watcher)
        except Skipped:
            watcher.on_skipped((index,))
            continue
        watcher.on_picture(Picture(index, picture_seed(request, index), pixels, extra))


def tiled_picture(
    drawing: Drawing, grid: TileGrid, alone: GenerationRequest, index: int, watcher: Watcher
) -> Pixels:
    """A picture made out of its tiles, (H, W, 3). `alone`: the request of that one picture.

    Raises:
        Skipped, Cancelled: as the watcher raised them.
        OutOfMemory: the device has too little even for one tile.
    """
    memory = drawing.memory
    mosaic = Mosaic(grid)
    seen = TileWatcher(watcher, index)

    def draw(tiles: Indices) -> Tensor:
        watcher.on_tiles(index, tiles, grid.count)
        return memory.persist(partial(draw_batch, drawing, alone, tiles, seen))

    every = tuple(range(grid.count))
    for tiles, latents in in_batches(every, drawing.pictures_at_once, draw):
        watcher.on_phase("decode", index)
        for tile, latent in zip(tiles, latents, strict=True):
            mosaic.lay(tile, memory.persist(partial(drawing.picture, alone, tile, latent)))
    return mosaic.picture()


class TileWatcher(Watcher):
    """Passes the steps of tiles on as those of their picture."""

    def __init__(self, watcher: Watcher, index: int) -> None:
        self._watcher = watcher
        self._indices = (index,)

    def on_step(self, indices: Indices, event: StepEvent) -> None:
        """A step of a batch of tiles is done."""
        self._watcher.on_step(self._indices, event)
