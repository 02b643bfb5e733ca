"""The VAE at work: on a picture as a whole or, where memory is short, in tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from torch import Tensor, nn

from webui.engine.bundle import ModelBundle
from webui.engine.memory import first_that_fits
from webui.engine.vae_tiles import decoded_in_tiles, moments_in_tiles

TILES = (64, 32)
"""Sides of a tile in latent cells: the usual one, and what is tried when it is too large."""

PLAIN_BLOCKS = frozenset({"UpDecoderBlock2D", "DownEncoderBlock2D"})
"""Blocks that can work in tiles: those of all VAEs for SD."""


def decoded(bundle: ModelBundle, latent: Tensor) -> Tensor:
    """A latent, (C, h, w), to an image, (3, H, W), nominally in [-1, 1].

    Raises:
        OutOfMemory: not even the smallest tiles fit.
    """
    vae = bundle.vae
    x = (latent / bundle.latent_scale).to(vae.dtype)

    def whole() -> Tensor:
        image: Tensor = vae.decode(x[None], return_dict=False)[0][0]
        return image

    tiled = partial(decoded_in_tiles, vae, x, wraps=_wraps(vae.decoder))
    pixels = latent.shape[-2] * latent.shape[-1] * bundle.vae_factor**2
    return first_that_fits(_attempts(bundle, pixels, whole, tiled)).to(latent.device)


def encoded(bundle: ModelBundle, image: Tensor) -> Tensor:
    """An image, (3, H, W) in [-1, 1], to its likeliest latent, (C, h, w) float32.

    Raises:
        OutOfMemory: not even the smallest tiles fit.
    """
    vae = bundle.vae
    x = image.to(vae.dtype)

    def whole() -> Tensor:
        mean: Tensor = vae.encode(x[None]).latent_dist.mode()[0]
        return mean

    def tiled(tile: int) -> Tensor:
        factor, wraps = bundle.vae_factor, _wraps(vae.encoder)
        return moments_in_tiles(vae, x, tile, factor, wraps=wraps)[: bundle.latent_channels]

    pixels = image.shape[-2] * image.shape[-1]
    mean = first_that_fits(_attempts(bundle, pixels, whole, tiled))
    return mean.float() * bundle.latent_scale


def _attempts(
    bundle: ModelBundle,
    pixels: int,
    whole: Callable[[], Tensor],
    tiled: Callable[[int], Tensor],
) -> Iterator[Callable[[], Tensor]]:
    """What is tried, in order; between two, memory is given back.

    A picture that the budget has no room for is not tried as a whole.
    """
    memory, vae = bundle.memory, bundle.vae
    width = int(vae.config["block_out_channels"][0])
    plain = {type(b).__name__ for b in _blocks(vae.decoder, vae.encoder)} <= PLAIN_BLOCKS
    memory.bring(vae)
    if not plain or memory.budget.decodes_whole(pixels, width, vae.dtype.itemsize):
        yield whole
        memory.clear(keep=vae)
        memory.release()
        yield whole
    if plain:
        for tile in TILES:
            memory.release()
            yield partial(tiled, tile)


def _blocks(decoder: nn.Module, encoder: nn.Module) -> Iterator[nn.Module]:
    for net, name in ((decoder, "up_blocks"), (encoder, "down_blocks")):
        blocks = getattr(net, name)
        yield from blocks


def _wraps(net: nn.Module) -> bool:
    """Whether opposite edges meet, see `webui.engine.tiling`."""
    return any(isinstance(m, nn.Conv2d) and m.padding_mode == "circular" for m in net.modules())
