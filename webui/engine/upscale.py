"""What enlarges a picture between two passes; the catalogue names these functions.

An upscaler of latents takes (B, C, h, w) and a target (w, h) in latent cells. An upscaler of
pictures takes pixels (H, W, 3) in 0 … 255 and a target (width, height) in pixels. Both return
their own kind in that very size.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from webui.engine.latents import Pixels

Size = tuple[int, int]
Enlarge = Callable[[Pixels, Size], Pixels]


def latent_bilinear(latents: Tensor, size: Size) -> Tensor:
    """Straight lines between the four nearest cells."""
    return _interpolated(latents, size, "bilinear")


def latent_bilinear_antialiased(latents: Tensor, size: Size) -> Tensor:
    """The same; when it makes smaller, every cell counts."""
    return _interpolated(latents, size, "bilinear", antialias=True)


def latent_bicubic(latents: Tensor, size: Size) -> Tensor:
    """Cubic curves through sixteen cells."""
    return _interpolated(latents, size, "bicubic")


def latent_bicubic_antialiased(latents: Tensor, size: Size) -> Tensor:
    """The same with PIL's cubic (a = -0.5); when it makes smaller, every cell counts."""
    return _interpolated(latents, size, "bicubic", antialias=True)


def latent_nearest(latents: Tensor, size: Size) -> Tensor:
    """The cell at the rounded-down place, as old programs chose it."""
    return _interpolated(latents, size, "nearest")


def latent_nearest_exact(latents: Tensor, size: Size) -> Tensor:
    """The cell whose middle is nearest."""
    return _interpolated(latents, size, "nearest-exact")


def _interpolated(latents: Tensor, size: Size, mode: str, *, antialias: bool = False) -> Tensor:
    width, height = size
    # One layout, so that a batch is rounded as its single pictures are.
    return interpolate(latents.contiguous(), (height, width), mode=mode, antialias=antialias)


def resized(picture: Pixels, size: Size) -> Pixels:
    """Only brought to the size, which Lanczos' filter does best."""
    return lanczos(picture, size)


def lanczos(picture: Pixels, size: Size) -> Pixels:
    """Lanczos' windowed sinc over three lobes."""
    return _resampled(picture, size, Image.Resampling.LANCZOS)


def nearest(picture: Pixels, size: Size) -> Pixels:
    """Whole pixels repeated: for pixel art."""
    return _resampled(picture, size, Image.Resampling.NEAREST)


def _resampled(picture: Pixels, size: Size, method: Image.Resampling) -> Pixels:
    return np.asarray(Image.fromarray(picture).resize(size, method))
