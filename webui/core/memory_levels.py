"""How sparing the engine is with memory: levels of a device's memory, and what follows from one.

All of it is worked out from numbers that do not change while a server runs, never from what
happens to be free: the same request takes the same way every time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MemoryLevel = Literal["auto", "low", "medium", "high"]
"""What a person can choose: by the device, as if it had 4 GB, as if 8, or no precautions."""

GIGABYTE = 2**30
CLASSES = (4, 6, 8, 12, 16, 24, 32, 48, 80)
"""Gigabytes by which devices are sold. One counts as of a class with a tenth less."""

TOLERANCE = 1.1
LOW, MEDIUM = 4, 8

WEIGHTS = 0.6
"""Models up to this share of the memory stay on the device; larger ones part by part."""

UNET, VAE = 0.4, 0.4
"""The shares that a call of the UNet, and the VAE at work on one picture, may take."""

UNET_COPIES, VAE_COPIES = 20, 7
"""Feature maps of the outermost level that are alive at once, see `webui.services.admission`."""


@dataclass(frozen=True)
class Budget:
    """What the engine plans with. `gigabytes` None takes no precautions."""

    gigabytes: float | None

    def keeps(self, weights: int) -> bool:
        """Whether models of so many bytes stay on the device as a whole."""
        return self._within(weights, WEIGHTS)

    def decodes_whole(self, pixels: int, width: int, itemsize: int) -> bool:
        """Whether the VAE works on a picture of so many pixels as a whole, and not in tiles.

        width: feature maps of its outermost level. itemsize: bytes of a number.
        """
        return self._within(pixels * width * itemsize * VAE_COPIES, VAE)

    def pictures_at_once(self, wanted: int, cells: int, width: int, itemsize: int) -> int:
        """`wanted`, halved until a call of the UNet with and without guidance has room.

        cells: of the latent of one picture. width, itemsize: as above, of the UNet.
        """
        one = 2 * cells * width * itemsize * UNET_COPIES
        while wanted > 1 and not self._within(wanted * one, UNET):
            wanted = (wanted + 1) // 2
        return wanted

    def _within(self, needed: int, share: float) -> bool:
        return self.gigabytes is None or needed <= self.gigabytes * GIGABYTE * share


def budget_of(level: MemoryLevel, total: int) -> Budget:
    """The budget of a device with `total` bytes at a level."""
    if level == "high":
        return Budget(None)
    has = class_of(total)
    return Budget({"low": min(LOW, has), "medium": min(MEDIUM, has)}.get(level, has))


def class_of(total: int) -> float:
    """The class of a device with `total` bytes, in gigabytes; its own size below the smallest."""
    has = total / GIGABYTE
    return max((size for size in CLASSES if size <= has * TOLERANCE), default=has)
