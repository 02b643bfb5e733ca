"""A model that enlarges pictures, and those that a worker keeps."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from webui.core.errors import InkstoneError
from webui.core.events import UpscalerFile
from webui.engine.latents import Pixels
from webui.engine.memory import Memory, first_that_fits
from webui.engine.upscale import Enlarge, Size, lanczos
from webui.engine.upscaling.architectures import library
from webui.engine.upscaling.load import load_descriptor
from webui.engine.upscaling.tiles import bands, tiles_of

TILES = (512, 256, 128)
TILES_ON_CPU = (256, 128)
"""Sides of tiles in pixels, the next smaller one where memory runs out."""

MOST_RUNS = 3
"""How often a picture goes through a model until it is large enough, as users know it."""

MOST_PIXELS = 256 * 2**20
"""Of what comes out of a model; the rest of the way is Lanczos'."""

KEPT = 2
"""As many as one picture can be enlarged with."""

OnTile = Callable[[int, int], None]
"""Told tiles done and tiles in all. May raise, to give up."""


class Upscaler:
    """A loaded model. `scale`: by how much it enlarges; 1 for one that only cleans."""

    def __init__(self, file: UpscalerFile, memory: Memory) -> None:
        """Reads the file.

        Raises:
            InkstoneError: it is no model that enlarges, or is damaged.
        """
        self.name = file.name
        self._descriptor: Any = load_descriptor(Path(file.path), memory.device)
        self.scale = int(self._descriptor.scale)
        self._whole = self._descriptor.tiling == library().ModelTiling.INTERNAL
        self._memory = memory
        memory.adopt([self._descriptor.model])

    def enlarged(self, picture: Pixels, size: Size, on_tile: OnTile | None = None) -> Pixels:
        """(H, W, 3) in 0 … 255 to the size (width, height) in pixels.

        It goes through the model until it is at least as large, and Lanczos does the rest.

        Raises:
            OutOfMemory: not even small tiles fit.
            InkstoneError: the model makes no finite numbers, or something far too large.
        """
        if picture.shape[0] * picture.shape[1] * self.scale**2 > MOST_PIXELS:
            got = "x".join(map(str, _size(picture)))
            raise InkstoneError("error.upscaler_size", got=got, scale=self.scale)
        sides: tuple[int, ...] = TILES_ON_CPU if self._memory.device.is_cpu else TILES
        if self._whole:
            sides = (max(picture.shape[:2]) * self.scale**MOST_RUNS,)
        attempts = [partial(self._enlarged, picture, size, tile, on_tile) for tile in sides]
        made: Pixels = self._memory.persist(lambda: first_that_fits(attempts))
        return made if _size(made) == size else lanczos(made, size)

    def _enlarged(self, picture: Pixels, size: Size, tile: int, on_tile: OnTile | None) -> Pixels:
        self._memory.bring(self._descriptor.model)
        sizes = runs(_size(picture), self.scale, size)
        total = sum(tiles_of(*one, tile) for one in sizes)
        done = 0

        def run(part: Tensor) -> Tensor:
            nonlocal done
            result = self.image(part)
            done += 1
            if on_tile is not None:
                on_tile(done, total)
            return result

        for _ in sizes:
            picture = self._once(picture, tile, run)
        return picture

    def _once(self, picture: Pixels, tile: int, run: Callable[[Tensor], Tensor]) -> Pixels:
        """Once through the model; rows are put down as they come."""
        image = torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 255
        height, width, _ = picture.shape
        made = np.empty((height * self.scale, width * self.scale, 3), np.uint8)
        row = 0
        for band in bands(image, self.scale, tile, run):
            rows = band.clamp(0, 1).mul(255).round().to(torch.uint8).permute(1, 2, 0).numpy()
            made[row : row + len(rows)] = rows
            row += len(rows)
        return made

    @torch.inference_mode()
    def image(self, image: Tensor) -> Tensor:
        """(3, h, w) in [0, 1] to (3, h * scale, w * scale), float32.

        Raises:
            InkstoneError: the model makes no finite numbers.
        """
        result = self._run(image)
        if not bool(torch.isfinite(result).all()) and self._descriptor.dtype != torch.float32:
            self._memory.widen(self._descriptor.model)
            result = self._run(image)
        if not bool(torch.isfinite(result).all()):
            raise InkstoneError("error.picture_not_finite")
        return result

    def _run(self, image: Tensor) -> Tensor:
        place = self._memory.device.torch_device
        batch = image[None].to(place, self._descriptor.dtype)
        if self._descriptor.input_channels == 1:  # each colour for itself
            parts = [self._descriptor(one) for one in torch.split(batch, 1, dim=1)]
            return torch.cat(parts, dim=1)[0].float()
        result: Tensor = self._descriptor(batch)
        return result[0].float()


class Upscalers:
    """The models used last, at most `KEPT`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._held: OrderedDict[UpscalerFile, Upscaler] = OrderedDict()

    def load(self, file: UpscalerFile) -> Upscaler:
        """The model of this file.

        Raises:
            InkstoneError: it is no model that enlarges, or is damaged.
        """
        if file not in self._held:
            self._held[file] = Upscaler(file, self._memory)
        self._held.move_to_end(file)
        while len(self._held) > KEPT:
            self._held.popitem(last=False)
        return self._held[file]

    def ways(
        self, files: Mapping[str, UpscalerFile], on_tile: OnTile | None = None
    ) -> dict[str, Enlarge]:
        """How pictures are enlarged by the models of these files, which are read when it is time.

        on_tile: told tiles done and tiles in all, as if each of several models, which work one
        after the other, had as many; may raise, to give up.
        """

        def way(place: int, file: UpscalerFile) -> Enlarge:
            def tell(done: int, total: int) -> None:
                if on_tile is not None:
                    on_tile(place * total + done, len(files) * total)

            def enlarge(picture: Pixels, size: Size) -> Pixels:
                return self.load(file).enlarged(picture, size, tell)

            return enlarge

        return {name: way(place, file) for place, (name, file) in enumerate(files.items())}

    def forget(self) -> None:
        """Forgets all."""
        self._held.clear()


def runs(size: Size, scale: int, target: Size) -> list[Size]:
    """The sizes, in pixels, at which a picture goes through a model of this scale."""
    found: list[Size] = []
    width, height = size
    while len(found) < MOST_RUNS and (not found or (width < target[0] or height < target[1])):
        if found and (scale == 1 or width * height * scale**2 > MOST_PIXELS):
            break
        found.append((width, height))
        width, height = width * scale, height * scale
    return found


def _size(picture: Pixels) -> Size:
    height, width = picture.shape[:2]
    return width, height
