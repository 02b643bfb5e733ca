"""What the tiles of an enlarged picture begin with, and how they are drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from webui.core.catalogue import Catalogue
from webui.core.errors import InkstoneError, Message
from webui.core.request import GenerationRequest
from webui.core.specs import NOT_ENLARGED
from webui.core.tile_grid import TileGrid, tile_grid
from webui.engine.beginning import StartPicture
from webui.engine.bundle import ModelBundle
from webui.engine.latents import Pixels, encode
from webui.engine.resolve import resolve
from webui.engine.sd_upscale.mosaic import Cutter
from webui.engine.start_picture.color import color_corrected
from webui.engine.start_picture.reading import flattened, picture
from webui.engine.upscale import Enlarge


@dataclass(frozen=True, eq=False)
class Tiles:
    """The tiles of one picture: a batch of them is drawn like a batch of pictures.

    Where a `StartPicture` is asked about the pictures of a job, this is asked about its tiles.
    """

    bundle: ModelBundle
    grid: TileGrid
    cutter: Cutter
    remarks: tuple[Message, ...] = ()

    def sized(self, request: GenerationRequest) -> GenerationRequest:
        """The request with the size that is drawn at a time."""
        width, height = self.grid.tile
        return request.model_copy(update={"width": width, "height": height})

    def example(self) -> StartPicture:
        """The first tile, for what is worked out once for all of them."""
        pixels = self.cutter.cut(0)
        return StartPicture(pixels, encode(self.bundle, pixels)[None])

    def batch(self, request: GenerationRequest, indices: Sequence[int]) -> Tensor:
        """The latents that a batch of tiles begins with, (B, C, h, w)."""
        return torch.stack([encode(self.bundle, self.cutter.cut(tile)) for tile in indices])

    def kept(self, begun: Tensor) -> None:
        """Nothing is kept of the latents of a batch: tiles are drawn as a whole."""

    def finished(
        self, request: GenerationRequest, drawn: Pixels, index: int, latent: Tensor
    ) -> Pixels:
        """What becomes of tile `index` that was drawn, (h, w, 3)."""
        return color_corrected(drawn, self.cutter.cut(index)) if request.color_correction else drawn


def tiles_of(
    bundle: ModelBundle,
    request: GenerationRequest,
    images: Mapping[str, bytes],
    models: Mapping[str, Enlarge],
    catalogue: Catalogue,
) -> Tiles:
    """The request's start picture, enlarged and ready to be cut.

    models: upscalers by name, beside the catalogue's.

    Raises:
        InvalidRequest: the result would be too large, or the tiles too many.
        InkstoneError: the picture is not there, nobody knows the upscaler, or it fails.
    """
    image = picture(images, "init_image", request.init_image)
    original = flattened(image, request.background_color)
    height, width, _ = original.shape
    grid = tile_grid((width, height), request)
    if request.tile_upscaler != NOT_ENLARGED:
        way = models.get(request.tile_upscaler) or _builtin(request.tile_upscaler, catalogue)
        original = way(original, grid.size)
    return Tiles(bundle, grid, Cutter(original, grid))


def _builtin(name: str, catalogue: Catalogue) -> Enlarge:
    spec = catalogue.upscalers.get(name)
    if spec is None or spec.latent:
        offered: Iterable[str] = (s.name for s in catalogue.upscalers.values() if not s.latent)
        near = next(iter(offered), "")
        raise InkstoneError("error.unknown_name", field="tile_upscaler", got=name, near=near)
    return resolve(spec.target)
