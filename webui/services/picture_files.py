"""A finished picture as a file that carries its settings: PNG, JPEG, WebP or AVIF.

The infotext lies where stable-diffusion-webui keeps it and the tools of its users look: in a PNG's
text chunk `parameters`, elsewhere in the EXIF field UserComment. The request lies beside it as
JSON, which unlike the infotext has no ambiguity: in a PNG's chunk `inkstone`, elsewhere in the
EXIF field MakerNote after the same word.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from PIL import Image, features
from PIL.PngImagePlugin import PngInfo

from webui.core.infotext import legible
from webui.services.formats import QUALITY, Format

PARAMETERS_CHUNK = "parameters"
REQUEST_CHUNK = "inkstone"
EXIF_IFD = 0x8769
USER_COMMENT = 0x9286
MAKER_NOTE = 0x927C
UNICODE = b"UNICODE\0"
"""Says that a UserComment is UTF-16; big-endian by the habit of the incumbent's tools."""

COMPRESSION = 4
"""zlib level: on pictures level 6 takes about twice as long and saves 1 % of the size."""

LONGEST_SIDE: Mapping[Format, int] = MappingProxyType(
    {"png": 2**31 - 1, "jpg": 65_500, "webp": 16_383, "avif": 65_535}
)
MAX_EXIF = 65_000
"""A JPEG's EXIF block holds 65,533 bytes; the same bound everywhere keeps formats alike."""

_PILLOW: Mapping[Format, str] = {"jpg": "JPEG", "webp": "WEBP", "avif": "AVIF"}


@dataclass(frozen=True)
class PictureFile:
    """An encoded picture; `format` is the one it really has, and its file's suffix."""

    data: bytes
    format: Format


def encode_picture(
    rgb: bytes,
    width: int,
    height: int,
    wanted: Format,
    infotext: str,
    request_json: str,
    quality: int = QUALITY,
    alpha: bytes | None = None,
) -> PictureFile:
    """Encodes `rgb` (height * width * 3 bytes, row by row) with both texts.

    What the format cannot hold, a longer side or longer texts than it has room for, becomes a
    PNG; so does everything where Pillow was built without the format, and everything that has
    `alpha` (height * width bytes). `quality`: 1 to 100; a PNG loses nothing whatever it says.

    Raises:
        ValueError: `rgb` has not the length that the size asks for.
    """
    infotext, request_json = legible(infotext), legible(request_json)
    fits = alpha is None and max(width, height) <= LONGEST_SIDE[wanted]
    if wanted != "png" and fits and features.check(wanted):
        exif = _exif(infotext, request_json)
        if len(exif) <= MAX_EXIF:
            image = Image.frombytes("RGB", (width, height), rgb)
            buffer = io.BytesIO()
            # Colour at full resolution, as drawings need it; WebP has no such choice.
            image.save(buffer, _PILLOW[wanted], quality=quality, exif=exif, subsampling="4:4:4")
            return PictureFile(buffer.getvalue(), wanted)
    return PictureFile(png_bytes(rgb, width, height, infotext, request_json, alpha), "png")


def png_bytes(
    rgb: bytes,
    width: int,
    height: int,
    infotext: str,
    request_json: str,
    alpha: bytes | None = None,
) -> bytes:
    """Encodes a PNG. Text that is not Latin-1 goes into an iTXt chunk, all other into tEXt.

    Raises:
        ValueError: `rgb` has not the length that the size asks for.
    """
    image = Image.frombytes("RGB", (width, height), rgb)
    if alpha is not None:
        image.putalpha(Image.frombytes("L", (width, height), alpha))
    info = PngInfo()
    info.add_text(PARAMETERS_CHUNK, infotext)
    # Some readers take tEXt for UTF-8, ours among them: for the exact copy that must not matter.
    add = info.add_text if request_json.isascii() else info.add_itxt
    if request_json:
        add(REQUEST_CHUNK, request_json)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info, compress_level=COMPRESSION)
    return buffer.getvalue()


def _exif(infotext: str, request_json: str) -> bytes:
    exif = Image.Exif()
    block = exif.get_ifd(EXIF_IFD)
    block[USER_COMMENT] = UNICODE + infotext.encode("utf-16-be")
    block[MAKER_NOTE] = f"{REQUEST_CHUNK}\0{request_json}".encode()
    return exif.tobytes()
