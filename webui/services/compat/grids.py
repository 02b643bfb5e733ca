"""The grid: all pictures of a request side by side in one, as the first of the saved ones."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from webui.services.formats import format_of, media_type, suffix_of
from webui.services.picture_files import encode_picture
from webui.services.records import Picture

MOST_PIXELS = 64 * 10**6
"""A larger grid is not made."""


@dataclass(frozen=True)
class Grid:
    """How it is laid out.

    `rows`: -1 for about as many as columns, 0 for one for each picture of a batch. `full`: no
    empty places.
    """

    rows: int = -1
    full: bool = False

    def shape(self, count: int, batch_size: int) -> tuple[int, int]:
        """(columns, rows) for so many pictures."""
        if self.rows > 0:
            rows = self.rows
        elif self.rows == 0:
            rows = batch_size
        elif self.full:
            rows = next(n for n in range(math.isqrt(count), 0, -1) if count % n == 0)
        else:
            rows = round(math.sqrt(count))
        rows = min(rows, count)
        return math.ceil(count / rows), rows

    def fits(self, pictures: Sequence[Picture], batch_size: int) -> bool:
        """Whether there are several pictures, and all of them together are not too large."""
        if len(pictures) < 2:
            return False
        columns, rows = self.shape(len(pictures), batch_size)
        pixels = pictures[0].width * pictures[0].height
        return columns * rows * pixels <= MOST_PIXELS

    def drawn(self, files: Sequence[bytes], batch_size: int, infotext: str) -> bytes:
        """The grid as a file of the kind that the pictures are.

        Its cells have the first picture's size.
        """
        columns, _ = self.shape(len(files), batch_size)
        sheet, wide, high = Image.new("RGB", (1, 1)), 1, 1
        for place, file in enumerate(files):
            with Image.open(io.BytesIO(file)) as picture:
                if place == 0:
                    wide, high = picture.size
                    rows = math.ceil(len(files) / columns)
                    sheet = Image.new("RGB", (columns * wide, rows * high))
                cell = picture.convert("RGB").crop((0, 0, wide, high))
                sheet.paste(cell, (place % columns * wide, place // columns * high))
        wanted = format_of(suffix_of(media_type(files[0]))) or "png"
        return encode_picture(sheet.tobytes(), *sheet.size, wanted, infotext, "").data
