"""The file formats that pictures are saved in. Imports nothing heavy: settings name them too."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Format = Literal["png", "jpg", "webp", "avif"]
FORMATS: tuple[Format, ...] = get_args(Format)
QUALITY = 90

MEDIA_TYPES: Mapping[Format, str] = MappingProxyType(
    {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "avif": "image/avif"}
)


def format_of(name: str) -> Format | None:
    """The format that a file's suffix or a setting names, with or without dot, in any case."""
    word = name.casefold().removeprefix(".")
    word = "jpg" if word == "jpeg" else word
    return next((known for known in FORMATS if known == word), None)


def media_type(data: bytes) -> str:
    """The media type by the first bytes; a file may have been replaced under its name."""
    if data[:3] == b"\xff\xd8\xff":
        return MEDIA_TYPES["jpg"]
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return MEDIA_TYPES["webp"]
    return MEDIA_TYPES["avif" if data[4:12] in (b"ftypavif", b"ftypavis") else "png"]


def suffix_of(kind: str) -> str:
    """The file's suffix for one of our media types, with its dot."""
    return next((f".{name}" for name, known in MEDIA_TYPES.items() if known == kind), ".png")
