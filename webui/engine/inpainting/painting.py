"""`Repaint`: all that a job needs to paint a part of a picture, and to lay it back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from webui.core.errors import Message
from webui.core.picture_fields import MaskedContent
from webui.core.picture_rules import inner_size
from webui.core.request import GenerationRequest
from webui.core.seeds import picture_seed
from webui.engine.inpainting.areas import Box, brought_back, painted_box, shown_area
from webui.engine.inpainting.blending import Kept
from webui.engine.inpainting.fill import border_mask, continued, filled
from webui.engine.inpainting.masks import (
    FULL,
    Mask,
    blurred,
    brought_to,
    composited,
    inverted,
    latent_mask,
    mask_of,
    overlay_mask,
)
from webui.engine.inpainting.soft import STEEPNESS, Soft, soft_of
from webui.engine.latents import Pixels, from_pixels
from webui.engine.noise import SeededNoise
from webui.engine.start_picture import resizing

LINEAR = Image.Resampling.BILINEAR
"""For masks: nothing rings beyond the edge of what was painted."""


class Shown(NamedTuple):
    """What the model is shown, at the size that is drawn: (H, W, 3) and (H, W); and where it lies.

    original: the picture that it is laid into. area: its part that is drawn; None for all of it.
    edge: the blurred mask over that part, at its size.
    """

    pixels: Pixels
    mask: Mask
    original: Pixels
    area: Box | None
    edge: Mask


@dataclass(frozen=True, eq=False)
class Repaint:
    """A part of a picture to be painted.

    shown: see there. nmask: (1, 1, h, w), 1 where latents are painted. rounded: whether it is 0
    or 1 only. weight: how much of the mask an inpainting model is told.
    """

    shown: Shown
    nmask: Tensor
    content: MaskedContent
    soft: Soft | None
    rounded: bool
    weight: float

    @property
    def remarks(self) -> tuple[Message, ...]:
        """What the person should know: that the mask is finer than a cell of the latents."""
        if bool(self.nmask.any()):
            return ()
        return (Message("remark.mask_fine", {}, "mask"),)

    def content_of(
        self, latents: Tensor, request: GenerationRequest, indices: Sequence[int]
    ) -> Tensor:
        """The clean latents that a batch begins with, (B, C, h, w), from those of its picture.

        latents: (1, C, h, w). "latent noise" lays each picture's first noise under the mask,
        "latent nothing" zeros.
        """
        begun = latents.expand(len(indices), -1, -1, -1)
        if self.content == "latent nothing":
            return begun * (1 - self.nmask)
        if self.content != "latent noise":
            return begun
        seeds = [picture_seed(request, index) for index in indices]
        noise = SeededNoise(
            seeds, latents.shape[1:], request.noise_source, latents.device, latents.dtype
        )
        return begun.lerp(noise(), self.nmask)

    def kept(self, begun: Tensor) -> Kept:
        """What each step keeps of the latents that a batch begins with."""
        return Kept(begun, self.nmask, self.soft)

    def told(self) -> tuple[Tensor, Tensor]:
        """For models for inpainting: the mask, (1, H, W), and the picture without what it covers.

        The latter is (3, H, W) in [-1, 1], picture * (1 - mask * weight): what is painted is grey.
        """
        mask = torch.from_numpy(self.shown.mask.copy()).float()[None] / FULL
        if self.rounded:
            mask = mask.round()
        return mask, from_pixels(self.shown.pixels) * (1 - mask * self.weight)

    def laid(self, drawn: Pixels, begun: Tensor, ended: Tensor) -> Pixels:
        """A drawn picture, (H, W, 3), laid into the original; bit by bit that where the mask is 0.

        begun, ended: (1, C, h, w), its latents before and after; soft inpainting compares them.
        """
        original, area, edge = self.shown.original, self.shown.area, self.shown.edge
        if area is not None:
            drawn = brought_back(drawn, area.size)
        if self.soft is not None:
            mask = self._changed(self.soft, begun, ended)
        else:
            mask = overlay_mask(edge) if area is None else edge
        if area is None:
            return composited(original, drawn, mask)
        result = original.copy()
        part = (area.rows, area.columns)
        result[part] = composited(original[part], drawn, mask)
        return result

    def _changed(self, soft: Soft, begun: Tensor, ended: Tensor) -> Mask:
        """What of a picture shows by what has changed, never beyond the mask."""
        share = soft.changed(self.nmask, begun, ended)
        size = self.shown.mask.shape
        wide = interpolate(share, size, mode="bilinear")[0, 0].clamp(0, 1)
        mask = (wide * FULL).round().to(torch.uint8).numpy()
        if self.shown.area is not None:
            mask = brought_back(mask, self.shown.area.size, LINEAR)
        limit = np.minimum(self.shown.edge.astype(np.uint16) * STEEPNESS, FULL)
        result: Mask = np.minimum(mask, limit.astype(np.uint8))
        return result


def cells_of(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """A told mask, (1, H, W), over latent cells, (1, 1, h, w), as such models learned it.

    size: (h, w).
    """
    return interpolate(mask[None], size, mode="nearest")


def repaint_of(
    request: GenerationRequest,
    original: Pixels,
    mask: Image.Image | None,
    cells: tuple[int, int],
    place: torch.device,
) -> Repaint | None:
    """The part of `original`, (H, W, 3) at its own size, that the request paints.

    None where the mask leaves nothing to be painted. mask: None where only borders are added.
    cells: (w, h) of the latents that are drawn.
    """
    soft = soft_of(request)
    rounded = request.mask_rounding and soft is None
    painted = _painted(request, original, mask, rounded=rounded)
    width, height = inner_size(request)
    shown: Shown | None
    if (width, height) != (request.width, request.height):
        shown = _grown(request, original, painted)
    elif request.inpaint_area == "Only masked":
        shown = _cut_out(request, original, painted)
    else:
        shown = _whole(request, original, painted)
    if shown is None:
        return None
    if request.masked_content == "fill":
        shown = shown._replace(pixels=filled(shown.pixels, shown.mask))
    nmask = latent_mask(shown.mask, cells, rounded=rounded).to(place)
    return Repaint(shown, nmask, request.masked_content, soft, rounded, request.mask_weight)


def _painted(
    request: GenerationRequest, original: Pixels, mask: Image.Image | None, *, rounded: bool
) -> Mask:
    """The mask as it was painted, at the picture's size."""
    if mask is None:
        return np.zeros(original.shape[:2], np.uint8)
    height, width, _ = original.shape
    painted = brought_to(mask_of(mask, rounded=rounded), (width, height))
    return inverted(painted) if request.mask_mode == "Inpaint not masked" else painted


def _softened(mask: Mask, request: GenerationRequest) -> Mask:
    """The mask with the edges that the request asks for."""
    across, down = request.mask_blur, request.mask_blur_y
    return blurred(mask, across, across if down is None else down)


def _whole(request: GenerationRequest, original: Pixels, painted: Mask) -> Shown | None:
    """All of the picture, at the size that is drawn."""
    size = (request.width, request.height)
    soft = _softened(painted, request)
    mask = resizing.brought(soft, size, request.resize_mode, LINEAR)
    if painted_box(mask) is None:
        return None
    pixels = resizing.brought(original, size, request.resize_mode)
    return Shown(pixels, mask, pixels, None, mask)


def _cut_out(request: GenerationRequest, original: Pixels, painted: Mask) -> Shown | None:
    """The surroundings of what is painted, brought to the size that is drawn."""
    size = (request.width, request.height)
    mask = _softened(painted, request)
    box = painted_box(mask)
    if box is None:
        return None
    height, width, _ = original.shape
    area = shown_area(box, request.masked_padding, (width, height), size)
    part = (area.rows, area.columns)
    return Shown(
        resizing.filled(original[part], size),
        resizing.filled(mask[part], size, LINEAR),
        original,
        area,
        mask[part].copy(),
    )


def _grown(request: GenerationRequest, original: Pixels, painted: Mask) -> Shown:
    """The picture and the borders around it, at the size that is drawn.

    All of a border is painted; the blur of the mask reaches from it into the picture alone.
    """
    size = inner_size(request)
    borders = (
        request.outpaint_left,
        request.outpaint_up,
        request.outpaint_right,
        request.outpaint_down,
    )
    inner = resizing.brought(original, size, request.resize_mode)
    border = border_mask(*size, borders)
    mask = border.copy()
    left, top = borders[:2]
    mask[top : top + size[1], left : left + size[0]] = resizing.brought(
        painted, size, request.resize_mode, LINEAR
    )
    mask = np.maximum(_softened(mask, request), border)
    pixels = continued(inner, borders)
    return Shown(pixels, mask, pixels, None, mask)
