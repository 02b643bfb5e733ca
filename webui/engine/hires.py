"""From the first pass's latents to those that the second begins with."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from webui.core.catalogue import Catalogue, UpscalerSpec
from webui.core.errors import InkstoneError
from webui.core.hires_size import HiresSize, hires_size
from webui.core.request import GenerationRequest
from webui.engine.bundle import ModelBundle
from webui.engine.latents import Pixels, decode, encode, latent_shape
from webui.engine.resolve import resolve
from webui.engine.upscale import Enlarge

NO_MODELS: Mapping[str, Enlarge] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Enlarger:
    """Enlarges what the bundle `source` drew, for the bundle `goal` to go on with.

    enlarge: of the form that `webui.engine.upscale` gives for the kind that `spec` tells.
    """

    source: ModelBundle
    goal: ModelBundle
    spec: UpscalerSpec
    size: HiresSize
    enlarge: Callable[..., Any]

    def latents(self, latents: Tensor, on_picture: Callable[[int], None]) -> Tensor:
        """(B, C, h, w) to (B, C, h', w') of the target size.

        on_picture: told each picture's place in the batch before it is worked on.
        """
        if self.spec.latent:
            on_picture(0)
            return self._scaled(latents)
        enlarged = []
        for place, latent in enumerate(latents):
            on_picture(place)
            enlarged.append(self._redrawn(decode(self.source, latent)))
        return self._cut(torch.stack(enlarged))

    def pictures(self, pictures: Sequence[Pixels]) -> Tensor:
        """The same for finished pictures, (H, W, 3) each."""
        if self.spec.latent:
            return self._scaled(torch.stack([encode(self.source, p) for p in pictures]))
        return self._cut(torch.stack([self._redrawn(picture) for picture in pictures]))

    def _scaled(self, latents: Tensor) -> Tensor:
        _, height, width = latent_shape(self.goal, *self.size.enlarged)
        scaled: Tensor = self.enlarge(latents, (width, height))
        return self._cut(scaled)

    def _redrawn(self, picture: Pixels) -> Tensor:
        return encode(self.goal, self.enlarge(picture, self.size.enlarged))

    def _cut(self, latents: Tensor) -> Tensor:
        """Cuts off what reaches beyond the target, alike on both sides."""
        _, height, width = latent_shape(self.goal, *self.size.target)
        top, left = (latents.shape[-2] - height) // 2, (latents.shape[-1] - width) // 2
        return latents[..., top : top + height, left : left + width].contiguous()


def enlarger(
    source: ModelBundle,
    goal: ModelBundle,
    request: GenerationRequest,
    catalogue: Catalogue,
    models: Mapping[str, Enlarge] = NO_MODELS,
) -> Enlarger:
    """The request's way from the first pass to the second.

    models: upscalers of pictures by name, beside the catalogue's.

    Raises:
        InkstoneError: for an upscaler that nobody knows.
    """
    way = models.get(request.hires_upscaler)
    if way is not None:
        spec = UpscalerSpec(request.hires_upscaler, "")
        return Enlarger(source, goal, spec, hires_size(request), way)
    found = catalogue.upscalers.get(request.hires_upscaler)
    if found is None:
        near = next(iter(catalogue.upscalers), "")
        raise InkstoneError(
            "error.unknown_name", field="hires_upscaler", got=request.hires_upscaler, near=near
        )
    return Enlarger(source, goal, found, hires_size(request), resolve(found.target))


def finished_picture(request: GenerationRequest, images: Mapping[str, bytes]) -> Pixels:
    """The picture that takes the place of the first pass.

    Raises:
        InkstoneError: it is not there, is no picture, or has another size than the request's.
    """
    try:
        with Image.open(io.BytesIO(images["first_pass"])) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (KeyError, OSError) as error:
        raise InkstoneError(
            "error.first_pass_missing", field="first_pass", id=request.first_pass
        ) from error
    height, width, _ = pixels.shape
    if (width, height) != (request.width, request.height):
        raise InkstoneError(
            "error.first_pass_size",
            field="width",
            got=f"{width}x{height}",
            wanted=f"{request.width}x{request.height}",
        )
    return pixels
