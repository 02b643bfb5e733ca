"""Between latents and pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from webui.core.errors import InkstoneError
from webui.engine.bundle import ModelBundle
from webui.engine.vae import decoded, encoded

Pixels = npt.NDArray[np.uint8]


def latent_shape(bundle: ModelBundle, width: int, height: int) -> tuple[int, int, int]:
    """(C, h, w) of a picture of this size in pixels."""
    return bundle.latent_channels, height // bundle.vae_factor, width // bundle.vae_factor


def decode(bundle: ModelBundle, latent: Tensor) -> Pixels:
    """One latent, (C, h, w), to a picture, (H, W, 3) in 0 … 255.

    Raises:
        InkstoneError: if the latent or the picture is not finite.
    """
    if not bool(torch.isfinite(latent).all()):
        raise InkstoneError("error.latent_not_finite")
    image = decode_finite(bundle, latent)
    if not bool(torch.isfinite(image).all()):
        raise InkstoneError("error.picture_not_finite")
    return to_pixels(image)


def decode_finite(bundle: ModelBundle, latent: Tensor) -> Tensor:
    """One latent, (C, h, w), to an image, (3, H, W) float32, nominally in [-1, 1].

    Pictures are decoded one by one: a batch would need its multiple of memory.
    """
    return _in_full_if_needed(bundle, partial(decoded, bundle, latent)).float()


def encode(bundle: ModelBundle, picture: Pixels) -> Tensor:
    """A picture, (H, W, 3) in 0 … 255, to its latent, (C, h, w) float32: the likeliest one.

    Raises:
        InkstoneError: if the latent is not finite.
    """
    latent = encode_finite(bundle, from_pixels(picture).to(bundle.device.torch_device))
    if not bool(torch.isfinite(latent).all()):
        raise InkstoneError("error.latent_not_finite")
    return latent


def encode_finite(bundle: ModelBundle, image: Tensor) -> Tensor:
    """The same for an image, (3, H, W) in [-1, 1]; not checked."""
    return _in_full_if_needed(bundle, partial(encoded, bundle, image))


def _in_full_if_needed(bundle: ModelBundle, work: Callable[[], Tensor]) -> Tensor:
    """The work of the VAE, in float32 where half precision overflows.

    The VAE then stays in float32: SDXL's overflows with every picture.
    """
    result = work()
    if not bool(torch.isfinite(result).all()) and bundle.vae.dtype != torch.float32:
        bundle.memory.widen(bundle.vae)
        result = work()
    return result


def to_pixels(image: Tensor) -> Pixels:
    """(3, H, W) in [-1, 1] to (H, W, 3) in 0 … 255, cut off to whole numbers, not rounded."""
    scaled = ((image.float() + 1) / 2).clamp(0, 1) * 255
    pixels: Pixels = scaled.to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return pixels


def from_pixels(picture: Pixels) -> Tensor:
    """(H, W, 3) in 0 … 255 to (3, H, W) in [-1, 1], on the CPU."""
    # A copy, as pictures read from files cannot be written to.
    return torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 127.5 - 1
