"""Infotext hidden in the lowest bits of the pixels, as NovelAI and Forge write it.

Bits run down the columns, first the leftmost: in the alpha channel, or in red, green and blue of
each pixel in turn. They are a signature of 15 characters, the length of what follows in bits
(32 bits, the highest first), and the text in UTF-8, packed with gzip where the signature says so.
"""

from __future__ import annotations

import io
import warnings
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from webui.services.metadata.containers import MAX_INFLATED, bare_png
from webui.services.unreadable import UNREADABLE

MAX_PIXELS = 32_000_000
FORMATS = ("PNG", "WEBP")
"""Formats that keep the lowest bits."""

SIGNATURES = {
    b"stealth_pnginfo": ("A", False),
    b"stealth_pngcomp": ("A", True),
    b"stealth_rgbinfo": ("RGB", False),
    b"stealth_rgbcomp": ("RGB", True),
}
HEAD = 15
GZIP = 31
"""zlib's window size for data in gzip's form."""


def hidden_text(data: bytes) -> str | None:
    """The text in a picture's lowest bits; None when there is none or it has too many pixels."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            bare = bare_png(data) or (data if data[:4] == b"RIFF" else b"")
            with Image.open(io.BytesIO(bare), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    return None
                if image.mode not in ("RGB", "RGBA"):
                    return None
                image.load()
                for channels in ("A", "RGB"):
                    if channels == "A" and image.mode != "RGBA":
                        continue
                    text = _read(image, channels)
                    if text is not None:
                        return text
    except UNREADABLE:
        return None
    return None


def _read(image: Image.Image, channels: str) -> str | None:
    head = _bits(image, channels, (HEAD + 4) * 8)
    kind, packed = SIGNATURES.get(head[:HEAD], ("", False))
    if kind != channels:
        return None
    length = int.from_bytes(head[HEAD : HEAD + 4], "big") // 8
    if not 0 < length <= MAX_INFLATED:
        return None
    text = _bits(image, channels, (HEAD + 4 + length) * 8)[HEAD + 4 :]
    if packed:
        text = zlib.decompressobj(GZIP).decompress(text, MAX_INFLATED)
    return text.decode("utf-8", "replace")


def _bits(image: Image.Image, channels: str, count: int) -> bytes:
    """The first `count` hidden bits as bytes; only the columns that hold them are looked at."""
    per_column = image.height * len(channels)
    columns = min(image.width, -(-count // per_column))
    part = image.crop((0, 0, columns, image.height))
    pixels: NDArray[np.uint8] = np.asarray(
        part.getchannel("A") if channels == "A" else part.convert("RGB")
    )
    lowest = np.swapaxes(pixels, 0, 1).reshape(-1)[:count] & 1
    return np.packbits(lowest).tobytes()
