"""Small pictures of unfinished latents, through a linear map from latent channels to colours.

SD's decoder is so nearly linear in its local mean that a fitted 4 x 3 matrix shows subject and
colours, at a thousandth of the decoder's cost.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from webui.engine.bundle import ModelBundle
from webui.engine.latents import decode_finite, encode_finite, to_pixels

SIDE = 128
PICTURES = 3
PATCHES = 24
SATURATED = 0.4
"""What the map is fitted to: a few pictures of this many overlapping rectangles, some of them in
the strongest colours. Random latents would not do: real ones fill only a part of their space.
"""

LONGEST_SIDE = 256
JPEG_QUALITY = 80


class Preview(Protocol):
    """What makes small pictures of latents."""

    def jpeg(self, latent: Tensor) -> bytes:
        """The latent, (C, h, w), as a JPEG, at most 256 pixels on its longest side."""


@dataclass(frozen=True, eq=False)
class PreviewMap:
    """colour = latent @ matrix + offset. matrix: (C, 3); offset: (3,); both on the CPU."""

    matrix: Tensor
    offset: Tensor
    vae_factor: int

    def colours(self, latent: Tensor) -> Tensor:
        """(C, h, w) to (3, h, w) in about [-1, 1]."""
        flat = latent.float().cpu().permute(1, 2, 0) @ self.matrix + self.offset
        return flat.permute(2, 0, 1)

    def jpeg(self, latent: Tensor) -> bytes:
        """The latent as a JPEG in the picture's size, at most 256 pixels on its longest side."""
        return small_jpeg(self.colours(latent), self.vae_factor)


def small_jpeg(image: Tensor, enlarged: int = 1) -> bytes:
    """(3, H, W) in [-1, 1] as a JPEG, `enlarged` times but at most 256 pixels on a side."""
    small = Image.fromarray(to_pixels(image.nan_to_num()))
    factor = min(enlarged, LONGEST_SIDE / max(small.size))
    size = (max(round(small.width * factor), 1), max(round(small.height * factor), 1))
    buffer = io.BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


@torch.inference_mode()
def fit_preview(bundle: ModelBundle) -> PreviewMap:
    """Fits the map to the bundle's VAE: least squares over synthetic pictures, there and back.

    Takes as long as a few pictures of 128x128 pixels take to encode and decode. The same bundle
    gives the same map, but for rounding.
    """
    generator = torch.Generator().manual_seed(0)
    latents, colours = [], []
    for index in range(PICTURES):
        picture = patchwork(generator, white=index % 2 == 0)
        latent = encode_finite(bundle, picture.to(bundle.device.torch_device))
        decoded = decode_finite(bundle, latent)[None].cpu().clamp(-1, 1)
        latents.append(latent.cpu().flatten(1).T)
        colours.append(avg_pool2d(decoded, bundle.vae_factor)[0].flatten(1).T)
    x = torch.cat(latents).nan_to_num()
    padded = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    solution = torch.linalg.lstsq(padded, torch.cat(colours).nan_to_num()).solution
    return PreviewMap(solution[:-1], solution[-1], bundle.vae_factor)


def patchwork(generator: torch.Generator, *, white: bool) -> Tensor:
    """(3, SIDE, SIDE) in [-1, 1]: rectangles of random colours on white or on a random colour."""
    picture = torch.ones(3, SIDE, SIDE)
    if not white:
        picture *= torch.rand(3, 1, 1, generator=generator) * 2 - 1
    for _ in range(PATCHES):
        left, top = torch.randint(0, SIDE, (2,), generator=generator).tolist()
        width, height = torch.randint(SIDE // 16, SIDE // 2, (2,), generator=generator).tolist()
        colour = torch.rand(3, 1, 1, generator=generator) * 2 - 1
        if float(torch.rand((), generator=generator)) < SATURATED:
            colour = colour.sign()
        picture[:, top : top + height, left : left + width] = colour
    return picture
