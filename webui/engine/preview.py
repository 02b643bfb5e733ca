"""Small pictures of unfinished latents, through a linear map from latent channels to colours.

SD's decoder is so nearly linear in its local mean that a fitted 4 x 3 matrix shows subject and
colours, at a thousandth of the decoder's cost.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from webui.engine.bundle import ModelBundle
from webui.engine.latents import decode_float, to_pixels

GRID = 16
SMOOTHNESS = (1, 2, 4, 8, 8)
"""Sizes of the grids from which the random latents are enlarged: from flat to busy."""

LONGEST_SIDE = 256
JPEG_QUALITY = 80


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
        small = Image.fromarray(to_pixels(self.colours(latent).nan_to_num()))
        factor = min(self.vae_factor, LONGEST_SIDE / max(small.size))
        size = (max(round(small.width * factor), 1), max(round(small.height * factor), 1))
        buffer = io.BytesIO()
        small.resize(size, Image.Resampling.BICUBIC).save(
            buffer, format="JPEG", quality=JPEG_QUALITY
        )
        return buffer.getvalue()


@torch.inference_mode()
def fit_preview(bundle: ModelBundle) -> PreviewMap:
    """Fits the map to the bundle's decoder: least squares over decoded random smooth latents.

    Takes as long as a few pictures of 128x128 pixels take to decode. The same bundle gives the
    same map, but for rounding.
    """
    generator = torch.Generator().manual_seed(0)
    device, dtype = bundle.device.torch_device, bundle.device.dtype
    inputs, colours = [], []
    for side in SMOOTHNESS:
        coarse = torch.randn(1, bundle.latent_channels, side, side, generator=generator)
        latent = interpolate(coarse, size=(GRID, GRID), mode="bilinear")
        image = decode_float(bundle, latent.to(device, dtype)).float().cpu()
        inputs.append(latent[0].flatten(1).T)
        colours.append(avg_pool2d(image.clamp(-1, 1), bundle.vae_factor)[0].flatten(1).T)
    x = torch.cat(inputs)
    padded = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    solution = torch.linalg.lstsq(padded, torch.cat(colours).nan_to_num()).solution
    return PreviewMap(solution[:-1], solution[-1], bundle.vae_factor)
