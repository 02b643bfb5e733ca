"""The texts that a picture file carries. Headers are read; no pixel is decoded here.

Files come from strangers. What is read is bounded, in number, in length, and after inflating;
a damaged or truncated file gives what could be read before the damage.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from webui.core.infotext import MAX_CHARACTERS, legible
from webui.services.metadata.exif import exif_texts
from webui.services.unreadable import UNREADABLE

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_INFLATED = 1_000_000
MAX_CHUNKS = 100_000
MAX_TEXTS = 64
MAX_TOTAL = 4_000_000
OTHER_FORMATS = ("JPEG", "WEBP", "AVIF", "GIF")
HEADERS = {b"\xff\xd8": 1_000_000, b"GI": 1_000_000}
"""How much of a JPEG and a GIF is read, by their first bytes: Pillow takes quadratic time on
comments in many pieces. What lies behind is pixels."""

PIXEL_CHUNKS = (b"IHDR", b"IDAT", b"IEND")
PIXEL_KINDS = (b"\x08\x02", b"\x08\x06")
"""Depth and colour type of pixels in RGB and RGBA, eight bits each."""


@dataclass(frozen=True)
class Container:
    """A picture file's format, size in pixels and texts by key, in the file's order."""

    format: str
    width: int
    height: int
    texts: tuple[tuple[str, str], ...]

    def get(self, key: str) -> str | None:
        """The first text of this key."""
        return next((text for name, text in self.texts if name == key), None)


def open_container(data: bytes) -> Container | None:
    """Reads a picture's headers; None when `data` is no picture of a known format."""
    if data.startswith(PNG_SIGNATURE):
        return _png(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            head = data[: HEADERS.get(data[:2], len(data))]
            with Image.open(io.BytesIO(head), formats=OTHER_FORMATS) as image:
                kind, (width, height), info = image.format or "", image.size, dict(image.info)
    except UNREADABLE:
        return None
    texts = list(exif_texts(info.get("exif")))
    for key in ("comment", "xmp"):
        if isinstance(info.get(key), bytes):
            texts.append((key, _decode(info[key][:MAX_CHARACTERS])))
        elif isinstance(info.get(key), str):
            texts.append((key, legible(info[key][:MAX_CHARACTERS])))
    return Container(kind, width, height, tuple(texts[:MAX_TEXTS]))


def bare_png(data: bytes) -> bytes | None:
    """A PNG's pixels in RGB or RGBA and nothing else; None for any other.

    Pillow walks the chunks in Python, so millions of small ones would keep it busy for minutes.
    """
    if not data.startswith(PNG_SIGNATURE) or data[24:26] not in PIXEL_KINDS:
        return None
    parts: list[bytes | memoryview] = [PNG_SIGNATURE]
    for kind, body in _chunks(data):
        if kind in PIXEL_CHUNKS:
            check = zlib.crc32(body, zlib.crc32(kind))
            parts += [struct.pack(">I4s", len(body), kind), body, struct.pack(">I", check)]
    return b"".join(parts)


def _png(data: bytes) -> Container | None:
    """Walks the chunks of a PNG (ISO/IEC 15948, section 5.3)."""
    size = (0, 0)
    texts: list[tuple[str, str]] = []
    for kind, body in _chunks(data):
        if kind == b"IHDR" and len(body) >= 8:
            size = struct.unpack(">II", body[:8])
        elif kind == b"eXIf":
            texts += exif_texts(bytes(body[:MAX_INFLATED]))
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            text = _png_text(kind, bytes(body[: 4 * MAX_INFLATED]))
            if text:
                texts.append(text)
        if len(texts) >= MAX_TEXTS or sum(len(text) for _, text in texts) > MAX_TOTAL:
            break
    return Container("PNG", *size, tuple(texts)) if all(size) else None


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view, at = memoryview(data), len(PNG_SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(view):
            return
        length, kind = struct.unpack(">I4s", view[at : at + 8])
        yield kind, view[at + 8 : at + 8 + length]
        at += length + 12


def _png_text(kind: bytes, body: bytes) -> tuple[str, str] | None:
    key, found, rest = body.partition(b"\0")
    if not found or not key:
        return None
    if kind == b"tEXt":
        text = _latin_or_utf8(rest)
    elif kind == b"zTXt":
        text = _latin_or_utf8(_inflate(rest[1:]))
    else:
        compressed, rest = rest[:1] == b"\1", rest[2:]
        _, _, rest = rest.partition(b"\0")
        _, _, rest = rest.partition(b"\0")
        text = _decode(_inflate(rest) if compressed else rest)
    return key.decode("latin-1"), text[:MAX_CHARACTERS]


def _inflate(packed: bytes) -> bytes:
    """At most `MAX_INFLATED` bytes of it, and what came before the damage if there is any."""
    unpacker = zlib.decompressobj()
    parts: list[bytes] = []
    room = MAX_INFLATED
    try:
        for start in range(0, len(packed), 4096):
            part = unpacker.decompress(packed[start : start + 4096], room)
            parts.append(part)
            room -= len(part)
            if room <= 0:
                break
    except zlib.error:
        pass
    return b"".join(parts)


def _latin_or_utf8(text: bytes) -> str:
    """Latin-1 by the standard; some programs write UTF-8 there, which is told by its form."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "replace")
