"""Masks: where a picture is painted anew, and how much of the new picture shows.

A `Mask` is (H, W) of whole numbers: 255 is painted, 0 kept, and what lies between is mixed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from webui.engine.inpainting.areas import painted_box
from webui.engine.inpainting.gauss import gaussian, kernel
from webui.engine.latents import Pixels

Mask = npt.NDArray[np.uint8]

FULL = 255
SOLID = 128
"""A brush that covers more than this is taken as covering all, where masks are rounded."""


def mask_of(image: Image.Image, *, rounded: bool) -> Mask:
    """The mask that a picture stands for.

    A picture with transparent parts is a layer that was painted on: what it covers is the mask,
    all or nothing if `rounded`. Of any other picture it is the lightness, never rounded.
    """
    if image.has_transparency_data:
        cover = np.asarray(image.convert("RGBA").getchannel("A"))
        if int(cover.min()) < FULL:
            return np.where(cover > SOLID, FULL, 0).astype(np.uint8) if rounded else cover.copy()
    return np.array(image.convert("L"))


def brought_to(mask: Mask, size: tuple[int, int]) -> Mask:
    """The mask at the size (width, height) of the picture that it belongs to.

    Linear, so that nothing rings beyond the edge of what was painted.
    """
    if mask.shape == size[::-1]:
        return mask
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.BILINEAR))


def inverted(mask: Mask) -> Mask:
    """Painted for kept, and kept for painted."""
    return FULL - mask


def blurred(mask: Mask, across: float, down: float) -> Mask:
    """The mask blurred by standard deviations in pixels, over its width and over its height.

    At the picture's edges it is continued by its mirror image. Only the surroundings of what is
    painted are worked on, so that a small mask of a large picture costs little.
    """
    box = painted_box(mask)
    if box is None or not (across or down):
        return mask
    wide, high = (len(kernel(blur)) // 2 for blur in (across, down))
    # Twice the reach: with as much around it that is 0, its mirror image adds nothing.
    near = box.grown(2 * wide, 2 * high).within(mask.shape[1], mask.shape[0])
    part = gaussian(mask[near.rows, near.columns].astype(np.float32), across, down)
    result = np.zeros_like(mask)
    result[near.rows, near.columns] = np.rint(part).clip(0, FULL).astype(np.uint8)
    return result


def overlay_mask(mask: Mask) -> Mask:
    """How much of a picture that was painted as a whole shows: min(2 * mask, 1).

    So the edge of what was painted shows in full, and the way to nothing lies outside it.
    """
    return np.minimum(mask.astype(np.uint16) * 2, FULL).astype(np.uint8)


def latent_mask(mask: Mask, size: tuple[int, int], *, rounded: bool) -> Tensor:
    """The mask over latent cells, (1, 1, h, w) float32 in 0 … 1; 0 or 1 if `rounded`.

    size: (w, h) in cells.
    """
    cells = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.BICUBIC))
    share = torch.from_numpy(cells.copy()).float() / FULL
    return (share.round() if rounded else share)[None, None]


def composited(below: Pixels, above: Pixels, mask: Mask) -> Pixels:
    """`above` over `below`, both (H, W, 3), through the mask: bit by bit `below` where it is 0."""
    result = below.copy()
    box = painted_box(mask)
    if box is None:
        return result
    part = (box.rows, box.columns)
    share = mask[part].astype(np.uint32)[..., None]
    mixed = below[part] * (FULL - share) + above[part] * share
    result[part] = ((mixed + FULL // 2) // FULL).astype(np.uint8)
    return result


def is_blank(mask: Mask) -> bool:
    """Whether nothing is painted."""
    return painted_box(mask) is None
