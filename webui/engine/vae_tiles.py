"""The VAE in tiles that give the whole picture's numbers.

Tiles go through the convolutions side by side, layer by layer. Each carries so much of its
surroundings that what its edges lack never reaches what is kept of it, and group norms take the
mean and variance of all tiles together. The middle of the network, with its attention, works on
the latent's small grid as a whole. So nothing is blended and nothing is guessed: the result is
that of the whole but for rounding. Tiles that wait lie in the computer's memory; the device
holds one layer of one tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn

from webui.engine.memory import HOME

HALO = 14
"""Latent cells around a tile. SD's decoder sees 12.3 cells far, its encoder 8.5."""

Work = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Span:
    """Along one side, in cells: a tile from `begin` to `end`, of which `first` to `last` counts."""

    begin: int
    end: int
    first: int
    last: int


@dataclass(eq=False)
class Tiles:
    """The tiles of a picture on the way through the network.

    tensors: (1, C, …) each, at `HOME`, by rows. per_cell: entries of a latent cell along a side, in
    the present layer. moments: (2, C) float64, sum and sum of squares over the picture.
    """

    tensors: list[Tensor]
    rows: Sequence[Span]
    columns: Sequence[Span]
    per_cell: int
    device: torch.device
    moments: Tensor

    def turn(self, work: Work, per_cell: int | None = None) -> None:
        """Each tile into what the work makes of it; `per_cell` if that is of another size."""
        self.per_cell = per_cell or self.per_cell
        self.moments = torch.zeros(2, 1, dtype=torch.float64)
        for index, tensor in enumerate(self.tensors):
            made = work(tensor.to(self.device))
            self.moments = self.moments + _moments(self.kept(index, made))
            self.tensors[index] = made.to(HOME)

    def kept(self, index: int, tensor: Tensor) -> Tensor:
        """(C, …) of a tile, without what it carries of its surroundings."""
        row, column = divmod(index, len(self.columns))
        return tensor[0][..., self._inner(self.rows[row]), self._inner(self.columns[column])]

    def whole(self) -> Tensor:
        """The picture, (C, …), put together at `HOME`."""
        count = len(self.columns)
        kept = [self.kept(index, tensor) for index, tensor in enumerate(self.tensors)]
        strips = [kept[start : start + count] for start in range(0, len(kept), count)]
        return torch.cat([torch.cat(strip, dim=-1) for strip in strips], dim=-2)

    def norm(self, module: nn.GroupNorm) -> Work:
        """The group norm over the whole picture."""
        cells = (self.rows[-1].last - self.rows[0].first) * self.per_cell
        cells *= (self.columns[-1].last - self.columns[0].first) * self.per_cell
        mean, square = (self.moments / cells).reshape(2, module.num_groups, -1).mean(-1)
        spread = ((square - mean**2).clamp(min=0) + module.eps).rsqrt()
        each = module.num_channels // module.num_groups
        place = self.device
        scale = spread.float().repeat_interleave(each).to(place) * module.weight.float()
        shift = module.bias.float() - mean.float().repeat_interleave(each).to(place) * scale
        scale, shift = scale[:, None, None], shift[:, None, None]

        def work(x: Tensor) -> Tensor:
            return torch.addcmul(shift, x.float(), scale).to(x.dtype)

        return work

    def _inner(self, span: Span) -> slice:
        return slice(
            (span.first - span.begin) * self.per_cell, (span.last - span.begin) * self.per_cell
        )


def decoded_in_tiles(vae: AutoencoderKL, latent: Tensor, tile: int, *, wraps: bool) -> Tensor:
    """A latent as the VAE takes it, (C, h, w), to an image, (3, H, W), at `HOME`."""
    net: Any = vae.decoder
    z = latent[None]
    z = vae.post_quant_conv(z) if vae.post_quant_conv is not None else z
    tiles = cut(net.mid_block(net.conv_in(z))[0], tile, 1, wraps=wraps)
    for block in net.up_blocks:
        for resnet in block.resnets:
            _residual(tiles, resnet)
        for larger in block.upsamplers or ():
            tiles.turn(larger, tiles.per_cell * 2)
    norm = tiles.norm(net.conv_norm_out)
    tiles.turn(lambda x: net.conv_out(net.conv_act(norm(x))))
    return tiles.whole()


def moments_in_tiles(
    vae: AutoencoderKL, image: Tensor, tile: int, per_cell: int, *, wraps: bool
) -> Tensor:
    """An image, (3, H, W), to means and variances of its latent, (2 C, h, w), on the device."""
    net: Any = vae.encoder
    tiles = cut(image, tile, per_cell, wraps=wraps)
    tiles.turn(net.conv_in)
    for block in net.down_blocks:
        for resnet in block.resnets:
            _residual(tiles, resnet)
        for smaller in block.downsamplers or ():
            tiles.turn(smaller, tiles.per_cell // 2)
    x = net.mid_block(tiles.whole()[None].to(tiles.device))
    x = net.conv_out(net.conv_act(net.conv_norm_out(x)))
    moments: Tensor = vae.quant_conv(x) if vae.quant_conv is not None else x
    return moments[0]


def _residual(tiles: Tiles, net: Any) -> None:
    """A resnet: two convolutions, each after a norm, and what came in beside them."""
    before = list(tiles.tensors)
    first = tiles.norm(net.norm1)
    tiles.turn(lambda x: net.conv1(net.nonlinearity(first(x))))
    second = tiles.norm(net.norm2)

    def finish(x: Tensor) -> Tensor:
        beside = before.pop(0).to(x.device)
        beside = beside if net.conv_shortcut is None else net.conv_shortcut(beside)
        made: Tensor = (beside + net.conv2(net.nonlinearity(second(x)))) / net.output_scale_factor
        return made

    tiles.turn(finish)


def cut(x: Tensor, tile: int, per_cell: int, *, wraps: bool) -> Tiles:
    """Cuts (C, h * per_cell, w * per_cell) into tiles of at most `tile` cells and their halo.

    wraps: whether opposite edges of the picture meet.
    """
    rows = spans(x.shape[-2] // per_cell, tile, wraps=wraps)
    columns = spans(x.shape[-1] // per_cell, tile, wraps=wraps)
    tensors = [
        _taken(_taken(x, row, per_cell, -2), column, per_cell, -1)[None].to(HOME)
        for row in rows
        for column in columns
    ]
    tiles = Tiles(tensors, rows, columns, per_cell, x.device, torch.zeros(2, 1))
    tiles.turn(lambda piece: piece)
    return tiles


def _moments(x: Tensor) -> Tensor:
    """(2, C) float64 of (C, …). Not every device counts in float64, so means come first."""
    flat = x.float().flatten(1)
    mean, count = flat.mean(1), flat.shape[1]
    spread = (flat - mean[:, None]).square().mean(1)
    mean, spread = mean.double().cpu(), spread.double().cpu()
    return torch.stack([mean, spread + mean**2]) * count


def spans(cells: int, tile: int, *, wraps: bool = False) -> list[Span]:
    """The tiles along a side, of about the same length."""
    count = -(-cells // tile)
    edges = [index * cells // count for index in range(count + 1)]
    found = [Span(first - HALO, last + HALO, first, last) for first, last in pairwise(edges)]
    if wraps:
        return found
    return [replace(s, begin=max(s.begin, 0), end=min(s.end, cells)) for s in found]


def _taken(x: Tensor, span: Span, per_cell: int, axis: int) -> Tensor:
    """A tile along one side; beyond an edge it goes on at the opposite one."""
    length = x.shape[axis]
    places = torch.arange(span.begin * per_cell, span.end * per_cell, device=x.device) % length
    return x.index_select(x.dim() + axis, places)
