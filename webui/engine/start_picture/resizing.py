"""The ways in which a start picture is brought to the size that is drawn."""

from __future__ import annotations

import numpy as np
from PIL import Image

from webui.core.picture_fields import ResizeMode
from webui.engine.latents import Pixels
from webui.engine.upscale import Size


def brought(
    picture: Pixels,
    size: Size,
    mode: ResizeMode,
    method: Image.Resampling = Image.Resampling.LANCZOS,
) -> Pixels:
    """The picture, (H, W, 3) or (H, W), at `size`, (width, height) in pixels.

    "Just resize (latent upscale)" means latents; pixels are then brought as by "Just resize".
    """
    if mode == "Crop and resize":
        return cropped(picture, size, method)
    if mode == "Resize and fill":
        return filled(picture, size, method)
    return just_resized(picture, size, method)


def just_resized(
    picture: Pixels, size: Size, method: Image.Resampling = Image.Resampling.LANCZOS
) -> Pixels:
    """Stretched to the size."""
    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize(size, method))


def cropped(
    picture: Pixels, size: Size, method: Image.Resampling = Image.Resampling.LANCZOS
) -> Pixels:
    """Scaled until it covers the size, and its middle cut out.

    Only the middle is computed: of a picture like a line the whole would fill any memory.
    """
    height, width = picture.shape[:2]
    wide, high = _scaled((width, height), size, cover=True)
    left, top = wide // 2 - size[0] // 2, high // 2 - size[1] // 2
    right, bottom = (left + size[0]) * width / wide, (top + size[1]) * height / high
    box = (left * width / wide, top * height / high, min(right, width), min(bottom, height))
    return np.asarray(Image.fromarray(picture).resize(size, method, box))


def filled(
    picture: Pixels, size: Size, method: Image.Resampling = Image.Resampling.LANCZOS
) -> Pixels:
    """Scaled until it just fits, its edges stretched into the borders that are left."""
    left, top, wide, high = fitting(size, (picture.shape[1], picture.shape[0]))
    borders = ((top, size[1] - high - top), (left, size[0] - wide - left), (0, 0))
    return np.pad(just_resized(picture, (wide, high), method), borders[: picture.ndim], mode="edge")


def fitting(size: Size, own: Size) -> tuple[int, int, int, int]:
    """Where a picture of its `own` size lies when it just fits: (left, top, width, height)."""
    wide, high = _scaled(own, size, cover=False)
    return size[0] // 2 - wide // 2, size[1] // 2 - high // 2, wide, high


def _scaled(own: Size, size: Size, *, cover: bool) -> Size:
    """A picture's own size, scaled to have one side of `size` and to cover it or to fit in."""
    width, height = own
    wide, high = size
    slimmer = width * high < wide * height
    if slimmer == cover:
        return wide, max(height * wide // width, 1)
    return max(width * high // height, 1), high
