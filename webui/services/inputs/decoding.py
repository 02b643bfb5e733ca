"""A file from a stranger as plain pixels: every check that can be made before decoding comes first.

Only the first picture of a file counts: the first frame of an animation, the first page of a TIFF.
"""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path

from PIL import Image

from webui.services.inputs.essence import damaged, essence
from webui.services.inputs.limits import InputLimits
from webui.services.inputs.pixels import plain
from webui.services.inputs.sniffing import HEAD, picture_format
from webui.services.unreadable import UNREADABLE


def read_picture(file: Path, limits: InputLimits) -> Image.Image:
    """The picture in L, RGB or RGBA.

    Raises:
        WrongKind: it is no picture of a format that is read.
        TooLarge: it has too many bytes or pixels; nothing was decoded.
        InvalidRequest: it is truncated or damaged.
        OSError: the file cannot be read.
        MemoryError: there is too little memory for it.
    """
    limits.check_bytes(file.stat().st_size)
    data = file.read_bytes()
    kind = picture_format(data[:HEAD])
    try:
        declared = _declared_size(kind, data)
    except (struct.error, IndexError) as error:
        raise damaged(kind, "truncated") from error
    if declared:
        limits.check_pixels(*declared)
    return _decoded(kind, essence(kind, data), limits)


def _decoded(kind: str, data: bytes, limits: InputLimits) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Our own limits are checked right after.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=[kind]) as image:
                size = image.size
                limits.check_pixels(*size)
                image.load()
                return plain(image)
    except MemoryError:
        raise
    except UNREADABLE as error:
        raise damaged(kind, (str(error) or type(error).__name__)[:100]) from error


def _declared_size(kind: str, data: bytes) -> tuple[int, int] | None:
    """Width and height where Pillow would only tell after it has reserved memory for them."""
    if kind == "PNG":
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if kind == "WEBP":
        return _webp_size(data)
    return None


def _webp_size(data: bytes) -> tuple[int, int]:
    """From the header of the first chunk (RFC 9649, sections 2.5 to 2.7)."""
    if data[12:16] == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return width + 1, height + 1
    if data[12:16] == b"VP8L":
        (bits,) = struct.unpack("<I", data[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF
