"""How large a picture may be that is taken in."""

from __future__ import annotations

from dataclasses import dataclass

from webui.core.errors import TooLarge

MEGABYTE = 2**20
MEGAPIXEL = 2**20

MAX_BYTES = 64 * MEGABYTE
MAX_PIXELS = 64 * MEGAPIXEL
"""8192 x 8192: in RGBA 256 MB, of which decoding holds a few copies."""

MAX_SIDE = 16_384
DAYS = 30
"""How long a picture is kept that no job names."""


@dataclass(frozen=True)
class InputLimits:
    """The most bytes of a file, pixels of a picture, and pixels on one of its sides."""

    size: int = MAX_BYTES
    pixels: int = MAX_PIXELS
    side: int = MAX_SIDE

    def check_bytes(self, count: int) -> None:
        """Refuses a file by its size.

        Raises:
            TooLarge: it has more bytes.
        """
        if count > self.size:
            raise TooLarge("error.too_large", high=self.size // MEGABYTE)

    def check_pixels(self, width: int, height: int) -> None:
        """Refuses a picture by the size that its header declares.

        Raises:
            TooLarge: a side or the area is larger.
        """
        got = f"{width}x{height}"
        if max(width, height) > self.side:
            raise TooLarge("error.input_side", got=got, high=self.side)
        if width * height > self.pixels:
            raise TooLarge("error.input_pixels", got=got, high=self.pixels // MEGAPIXEL)
