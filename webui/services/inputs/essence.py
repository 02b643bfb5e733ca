"""A picture file without all that its first picture does not need.

Texts, comments, further frames and application data are where files of strangers grow without
bound, and where Pillow's readers, which are written in Python, take minutes or quadratic time.
So they are left out before Pillow sees the file. Colour profile and orientation stay.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from webui.core.errors import InvalidRequest, Message

MAX_PROFILE = 1_000_000
MAX_EXIF = 1_000_000
MAX_PARTS = 100_000
"""Chunks or blocks of a file; ordinary ones have a few thousand at most."""

_PNG_START = 8
_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
_JPEG_ALONE = (0x01, *range(0xD0, 0xD9))
_JPEG_APPLICATION = range(0xE0, 0xF0)
_JPEG_KEPT = MappingProxyType(
    {0xE0: b"", 0xE1: b"Exif\0\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
)
_COMMENT, _SCAN, _END = 0xFE, 0xDA, 0xD9


def essence(kind: str, data: bytes) -> bytes:
    """What is needed of a file of this format (Pillow's name), as a file of the same format.

    Raises:
        InvalidRequest: it is truncated or damaged.
    """
    reduce = _REDUCERS.get(kind)
    return reduce(data) if reduce else data


def damaged(kind: str, reason: str) -> InvalidRequest:
    """What to say about a damaged file."""
    return InvalidRequest(Message("error.input_damaged", {"format": kind, "reason": reason}))


def _png(data: bytes) -> bytes:
    """The chunks of ISO/IEC 15948 that make pixels; an animation's are others."""
    parts: list[bytes | memoryview] = [data[:_PNG_START]]
    view, at = memoryview(data), _PNG_START
    once = {b"iCCP", b"eXIf"}
    for _ in range(MAX_PARTS):
        if at + 12 > len(view):
            raise damaged("PNG", "truncated")
        length, kind = struct.unpack(">I4s", view[at : at + 8])
        after = at + 12 + length
        if after > len(view) or (kind == b"IEND" and length):
            raise damaged("PNG", "truncated")
        body = view[at + 8 : at + 8 + length]
        if kind == b"IEND":
            return b"".join([*parts, view[at:after]])
        if kind in _PNG_KEPT or (kind in once and _bounded(kind, body)):
            once.discard(kind)
            parts.append(view[at:after])
        at = after
    raise damaged("PNG", f"> {MAX_PARTS} chunks")


def _bounded(kind: bytes, body: memoryview) -> bool:
    """Whether a colour profile is no bomb, or an EXIF block not too long."""
    if kind == b"eXIf":
        return len(body) <= MAX_EXIF
    packed = bytes(body[: 2 * MAX_PROFILE]).partition(b"\0")[2][1:]
    try:
        return len(zlib.decompressobj().decompress(packed, MAX_PROFILE + 1)) <= MAX_PROFILE
    except zlib.error:
        return False


def _jpeg(data: bytes) -> bytes:
    """The segments (ITU-T T.81, B.1) up to the first scan, and all that follows it."""
    parts = [data[:2]]
    at, seen = 2, 0
    for _ in range(MAX_PARTS):
        marker = data[at + 1 : at + 2]
        if at + 4 > len(data) or data[at] != 0xFF or not marker:
            break
        code = marker[0]
        if code in (_SCAN, _END):
            return b"".join([*parts, data[at:]])
        if code == 0xFF or code in _JPEG_ALONE:  # filling, or a marker without a segment
            at += 1 if code == 0xFF else 2
            continue
        after = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if code in _JPEG_APPLICATION:
            wanted = _JPEG_KEPT.get(code)
            kept = wanted is not None and data.startswith(wanted, at + 4) and seen < MAX_PROFILE
            seen += after - at if kept else 0
        else:
            kept = code != _COMMENT
        if kept:
            parts.append(data[at:after])
        at = after
    raise damaged("JPEG", "truncated")


def _gif(data: bytes) -> bytes:
    """The first frame with its graphic control (GIF89a, section 12)."""
    at = 13 + _colours(data[10:11])
    parts = [data[:at]]
    for _ in range(MAX_PARTS):
        kind, label = data[at : at + 1], data[at + 1 : at + 2]
        if kind == b"!":
            after = _past_blocks(data, at + 2)
            if label == b"\xf9":
                parts = [parts[0], data[at:after]]
        elif kind == b",":
            pixels = at + 10 + _colours(data[at + 9 : at + 10])
            after = _past_blocks(data, pixels + 1)
            if after > len(data):
                break
            return b"".join([*parts, data[at:after], b";"])
        else:
            break
        at = after
    raise damaged("GIF", "truncated")


def _colours(flags: bytes) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 * 2 ** ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _past_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


_REDUCERS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {"PNG": _png, "JPEG": _jpeg, "GIF": _gif}
)
