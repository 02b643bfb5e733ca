"""Texts in an EXIF block (a TIFF structure, Exif 2.32 section 4.6), from whatever wrote it."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from webui.services.picture_files import EXIF_IFD, MAKER_NOTE, REQUEST_CHUNK, USER_COMMENT

USER_COMMENT_KEY = "UserComment"
MAX_ENTRIES = 512
TEXT_TAGS = {
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x013B: "Artist",
}
"""ComfyUI writes its workflow into Make and Model of a WebP, others into ImageDescription."""

_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1}
_PREFIX = b"Exif\0\0"
_MAKER_PREFIX = f"{REQUEST_CHUNK}\0".encode()


def exif_texts(block: object) -> Iterator[tuple[str, str]]:
    """(name, text) of the texts in an EXIF block; our own copy of the request is "inkstone"."""
    if not isinstance(block, bytes):
        return
    data = block.removeprefix(_PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None or len(data) < 8:
        return
    main = dict(_entries(data, struct.unpack(order + "I", data[4:8])[0], order))
    for tag, name in TEXT_TAGS.items():
        if main.get(tag):
            yield name, main[tag].rstrip(b"\0").decode("utf-8", "replace")
    pointer = main.get(EXIF_IFD, b"")
    inner = dict(main)
    if len(pointer) == 4:
        inner |= dict(_entries(data, struct.unpack(order + "I", pointer)[0], order))
    if inner.get(USER_COMMENT):
        yield USER_COMMENT_KEY, user_comment(inner[USER_COMMENT], order)
    note = inner.get(MAKER_NOTE, b"")
    if note.startswith(_MAKER_PREFIX):
        yield REQUEST_CHUNK, note.removeprefix(_MAKER_PREFIX).decode("utf-8", "replace")


def _entries(data: bytes, at: int, order: str) -> Iterator[tuple[int, bytes]]:
    """(tag, bytes) of one directory; what points outside the block is left out."""
    if at + 2 > len(data):
        return
    count = struct.unpack(order + "H", data[at : at + 2])[0]
    for number in range(min(count, MAX_ENTRIES)):
        row = data[at + 2 + 12 * number : at + 14 + 12 * number]
        if len(row) < 12:
            return
        tag, kind, values = struct.unpack(order + "HHI", row[:8])
        length = _WIDTHS.get(kind, 0) * values
        start = at + 10 + 12 * number
        if length > 4:
            start = struct.unpack(order + "I", row[8:12])[0]
        if 0 < length <= len(data) - start:
            yield tag, data[start : start + length]


def user_comment(value: bytes, order: str = ">") -> str:
    """The text of a UserComment: 8 bytes that name the character set, then the text.

    Programs disagree on what "UNICODE" means, so the bytes themselves are asked.
    """
    charset, text = value[:8], value[8:]
    if charset.startswith(b"UNICODE"):
        return _utf16(text, order)
    if charset.startswith(b"ASCII") or not charset.strip(b"\0 "):
        return _utf16(text, order) if _zeros(text) else _utf8(text)
    if charset.startswith(b"JIS"):
        return text.decode("iso2022_jp", "replace").strip("\0")
    return _utf16(value, order) if _zeros(value) else _utf8(value)


def _zeros(text: bytes) -> bool:
    """Whether a text is UTF-16: then half the bytes of its Latin letters are zero."""
    return text.rstrip(b"\0").count(0) > len(text) // 8


def _utf8(text: bytes) -> str:
    return text.decode("utf-8", "replace").strip("\0")


def _utf16(text: bytes, order: str) -> str:
    """UTF-16 in the order that its zero bytes or its mark show; UTF-8 where neither fits."""
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return text.decode("utf-16", "replace").strip("\0")
    high, low = text[0::2].count(0), text[1::2].count(0)
    if high == low == 0:
        try:
            return text.decode("utf-8").strip("\0")
        except UnicodeDecodeError:
            pass
    if high != low:
        order = ">" if high > low else "<"
    return text.decode("utf-16-be" if order == ">" else "utf-16-le", "replace").strip("\0")
