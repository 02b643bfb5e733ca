"""What a file is, by its first bytes: its name and what its sender says count for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from webui.core.errors import WrongKind

HEAD = 4096
"""Bytes that are looked at."""

OFFERED = ("PNG", "JPEG", "WebP", "AVIF", "GIF", "BMP", "TIFF")

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    *((start, "GIF") for start in (b"GIF87a", b"GIF89a")),
    *((start, "TIFF") for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
)
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_AVIF = (b"avif", b"avis")

_FOREIGN: Mapping[bytes, str] = MappingProxyType(
    {
        b"%PDF": "PDF",
        b"%!PS": "PostScript",
        b"8BPS": "PSD",
        b"PK\x03\x04": "ZIP",
        b"\x1f\x8b": "gzip",
        b"\xff\x0a": "JPEG XL",
        b"\0\0\0\x0cJXL ": "JPEG XL",
        b"\0\0\0\x0cjP  ": "JPEG 2000",
        b"\0\0\1\0": "ICO",
        b"qoif": "QOI",
    }
)
_MARKUP = ((b"<svg", "SVG"), (b"<html", "HTML"), (b"<!doctype html", "HTML"), (b"<?xml", "XML"))


def picture_format(head: bytes) -> str:
    """Pillow's name of the format; `head` is the file's beginning, `HEAD` bytes of it.

    Raises:
        WrongKind: it is nothing of what is `OFFERED`; names what it is where one can tell.
    """
    found = next((name for start, name in _STARTS if head.startswith(start)), None)
    found = found or _by_parts(head)
    if found:
        return found
    offered = ", ".join(OFFERED)
    if not head:
        raise WrongKind("error.input_empty", offered=offered)
    foreign = _foreign(head)
    if foreign:
        raise WrongKind("error.input_kind", got=foreign, offered=offered)
    raise WrongKind("error.input_unknown", offered=offered)


def _by_parts(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and any(brand in _AVIF for brand in _brands(head)):
        return "AVIF"
    bmp = head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS
    return "BMP" if bmp else None


def _brands(head: bytes) -> list[bytes]:
    """The brands of an ISO media file, the main one first (ISO/IEC 14496-12, 4.3)."""
    length = min(int.from_bytes(head[:4], "big"), 256)
    return [head[8:12], *(head[at : at + 4] for at in range(16, length, 4))]


def _foreign(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        return "HEIC" if head[8:11] in (b"hei", b"hev", b"mif", b"msf") else "MP4"
    named = next((name for start, name in _FOREIGN.items() if head.startswith(start)), None)
    if named:
        return named
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<"):
        return next((name for mark, name in _MARKUP if mark in text), "XML")
    return None
