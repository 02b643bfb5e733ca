"""Previews by a tiny decoder, TAESD (https://github.com/madebyollin/taesd), from its file alone.

The network is a row of 3x3 convolutions, blocks of three of them with a skip, and doublings; its
tensors' names and shapes tell which is where.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate

from webui.core.errors import ModelFileError
from webui.core.model_files.header import read_header
from webui.engine.bundle import ModelBundle
from webui.engine.preview import LONGEST_SIDE, small_jpeg
from webui.engine.single_file.contents import Found
from webui.engine.single_file.reading import Wanted, read_all

FIRST = MappingProxyType({"decoder.layers.": 0, "taesd_decoder.": 1, "decoder.": 1, "": 1})
"""What stands before the layers' numbers in files of each kind, and the first number."""

LAYER = re.compile(r"(\d{1,2})\.((?:conv\.[024]|skip)\.)?(weight|bias)")
INSIDE = ("conv.0.", "conv.2.", "conv.4.")

Layer = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class TinyDecoder:
    """The layers in their order, each by the names of its tensors."""

    layers: tuple[Layer, ...]
    vae_factor: int

    @torch.inference_mode()
    def image(self, latent: Tensor) -> Tensor:
        """(C, h, w) to (3, H, W) in about [-1, 1]."""
        example = self.layers[0]["weight"]
        x = latent[None].to(example)
        if x.device.type == "cpu":
            # There a preview may not cost more than a step: as large as it will be shown.
            longest = LONGEST_SIDE // self.vae_factor
            share = min(longest / max(x.shape[-2:]), 1.0)
            size = [max(round(side * share), 1) for side in x.shape[-2:]]
            x = interpolate(x, size, mode="bilinear", antialias=True)
        x = (x / 3).tanh() * 3
        last = len(self.layers) - 1
        for place, layer in enumerate(self.layers):
            if INSIDE[0] + "weight" in layer:
                x = _block(layer, x)
                continue
            if "bias" not in layer:
                x = interpolate(x, scale_factor=2.0, mode="nearest")
            x = _conv(layer, "", x)
            if place == 0 and last:
                x = x.relu()
        return x[0] * 2 - 1

    def jpeg(self, latent: Tensor) -> bytes:
        """The latent as a JPEG, at most 256 pixels on its longest side."""
        return small_jpeg(self.image(latent))


def _block(layer: Layer, x: Tensor) -> Tensor:
    made = x
    for index, name in enumerate(INSIDE):
        made = _conv(layer, name, made)
        if index < len(INSIDE) - 1:
            made = made.relu()
    skip = _conv(layer, "skip.", x) if "skip.weight" in layer else x
    return (made + skip).relu()


def _conv(layer: Layer, name: str, x: Tensor) -> Tensor:
    weight = layer[name + "weight"]
    return conv2d(x, weight, layer.get(name + "bias"), padding=weight.shape[-1] // 2)


def load_taesd(path: Path, bundle: ModelBundle) -> TinyDecoder:
    """Reads the decoder for the bundle's latents.

    Raises:
        ModelFileError: the file cannot be read, or is no decoder for such latents.
    """
    header = read_header(path)
    prefix = next((p for p in FIRST if f"{p}{FIRST[p]}.weight" in header.tensors), "")
    layers: dict[int, dict[str, Tensor]] = {}
    wanted: list[Wanted] = []
    for name, entry in header.tensors.items():
        match = LAYER.fullmatch(name[len(prefix) :]) if name.startswith(prefix) else None
        if match is None:
            continue
        layer = layers.setdefault(int(match[1]), {})
        give = partial(layer.__setitem__, (match[2] or "") + match[3])
        wanted.append(Wanted(Found(header, name), "whole", entry.shape, give))
    read_all(wanted, bundle.device)
    decoder = TinyDecoder(tuple(layers[n] for n in sorted(layers)), bundle.vae_factor)
    _try(decoder, bundle, path)
    return decoder


def _try(decoder: TinyDecoder, bundle: ModelBundle, path: Path) -> None:
    """Decodes the smallest latent: a network of another shape cannot."""
    latent = torch.zeros(bundle.latent_channels, 1, 1)
    try:
        shape = tuple(decoder.image(latent).shape)
    except (RuntimeError, KeyError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise ModelFileError("error.model_corrupt", file=str(path), reason=reason) from error
    if shape != (3, bundle.vae_factor, bundle.vae_factor):
        raise ModelFileError("error.model_corrupt", file=str(path), reason=f"{shape}")
