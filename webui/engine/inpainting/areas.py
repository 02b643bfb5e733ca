"""Which part of a picture the model is shown, and how it is brought to the model's size."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from webui.engine.start_picture.resizing import fitting, just_resized

Bytes = npt.NDArray[np.uint8]
"""A picture, (H, W, 3), or a mask, (H, W)."""


class Box(NamedTuple):
    """A part of a picture in pixels; right and bottom are the first that do not belong to it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.right - self.left, self.bottom - self.top

    @property
    def rows(self) -> slice:
        """Its rows of an array."""
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        """Its columns of an array."""
        return slice(self.left, self.right)

    def grown(self, across: int, down: int) -> Box:
        """Larger by so much to both sides, and upwards and downwards."""
        return Box(self.left - across, self.top - down, self.right + across, self.bottom + down)

    def within(self, width: int, height: int) -> Box:
        """What of it lies within a picture of this size."""
        return Box(
            max(self.left, 0), max(self.top, 0), min(self.right, width), min(self.bottom, height)
        )


def painted_box(mask: Bytes) -> Box | None:
    """The smallest box around all that is not 0; None where nothing is."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[top:bottom].any(axis=0))
    return Box(int(columns[0]), top, int(columns[-1]) + 1, bottom)


def shown_area(box: Box, padding: int, picture: tuple[int, int], drawn: tuple[int, int]) -> Box:
    """The part of a picture that is drawn anew at another size, so that `box` is.

    box: what is painted. padding: pixels of the picture around it that are shown as well.
    picture, drawn: (width, height). The part takes the proportions of `drawn`, as far as the
    picture has room for them.
    """
    width, height = picture
    box = box.grown(padding, padding).within(width, height)
    wide, high = box.size
    # Whole pixels: the shorter side grows to its share of the other.
    if wide * drawn[1] > high * drawn[0]:
        high = max(high, wide * drawn[1] // drawn[0])
    else:
        wide = max(wide, high * drawn[0] // drawn[1])
    left, right = _widened(box.left, box.right, wide, width)
    top, bottom = _widened(box.top, box.bottom, high, height)
    return Box(left, top, right, bottom)


def _widened(low: int, high: int, wanted: int, limit: int) -> tuple[int, int]:
    """An interval of the wanted length around this one, moved into 0 … limit, cut where it must."""
    wanted = min(wanted, limit)
    low -= (wanted - (high - low)) // 2
    low = min(max(low, 0), limit - wanted)
    return low, low + wanted


def brought_back(
    drawn: Bytes, size: tuple[int, int], method: Image.Resampling = Image.Resampling.LANCZOS
) -> Bytes:
    """A part of this (width, height) from what "Resize and fill" made of it."""
    left, top, wide, high = fitting((drawn.shape[1], drawn.shape[0]), size)
    inner = np.ascontiguousarray(drawn[top : top + high, left : left + wide])
    return just_resized(inner, size, method)
