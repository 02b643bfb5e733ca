"""Pictures whose opposite edges meet: convolutions that wrap around.

With circular padding UNet and VAE commute with a shift around the edges, so no place in the
picture is an edge. Only what lies beyond the edges changes: no weight is touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from diffusers.models.downsampling import Downsample2D
from torch import nn

from webui.engine.bundle import ModelBundle

HALVING_PADDING = (0, 1, 0, 1)
"""Left, right, top, bottom: what diffusers adds before it halves a picture, as zeros."""


@contextmanager
def tiled(bundle: ModelBundle) -> Iterator[None]:
    """Lets the bundle's UNet and VAE wrap around inside, and restores every flag afterwards.

    May be entered again for a bundle that shares modules with another.
    """
    undo: list[tuple[nn.Module, dict[str, object]]] = []
    try:
        for module in (*bundle.unet.modules(), *bundle.vae.modules()):
            if isinstance(module, nn.Conv2d) and module.padding_mode == "zeros":
                _set(undo, module, padding_mode="circular")
            elif isinstance(module, Downsample2D) and module.use_conv and module.padding == 0:
                _set(undo, module, padding=1)  # any but 0: then it adds no zeros itself
                _set(undo, module.conv, _reversed_padding_repeated_twice=list(HALVING_PADDING))
        yield
    finally:
        for module, before in reversed(undo):
            for name, value in before.items():
                setattr(module, name, value)


def _set(
    undo: list[tuple[nn.Module, dict[str, object]]], module: nn.Module, **flags: object
) -> None:
    undo.append((module, {name: getattr(module, name) for name in flags}))
    for name, value in flags.items():
        setattr(module, name, value)
