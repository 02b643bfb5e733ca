"""What a file is by its first bytes, whatever its suffix says."""

from __future__ import annotations

import os
from codecs import getincrementaldecoder
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal

from webui.core.errors import ModelFileError
from webui.core.model_files.header import LENGTH_BYTES, LONGEST_HEADER, regular_file

Content = Literal[
    "safetensors",
    "pickle",
    "gguf",
    "html",
    "lfs_pointer",
    "json",
    "text",
    "empty",
    "truncated",
    "zip",
    "unknown",
]
"""`truncated`: a safetensors or zip file that begins well and stops early. `pickle`: torch.save's
zip, its two older forms, or a bare pickle; opening one can run programs."""

FIRST = 4096
"""Bytes that are looked at; the rest of the file is only looked at in a zip."""

ZIP = b"PK\x03\x04"
ZIP_END = b"PK\x05\x06"
ZIP_TAIL = 65_557
"""The longest end of a zip: its last record of 22 bytes and a comment."""

LFS = b"version https://git-lfs.github.com/spec/"
TAR_MAGIC = slice(257, 262)
HIGHEST_PROTOCOL = 5
OLD_PICKLES = (b"(dp", b"(lp", b"(i", b"(c", b"}q", b"]q", b"cos\n", b"cposix\n", b"c__builtin__\n")
TEXT_CONTROLS = frozenset(b"\t\n\r\f\x1b")


def kind_of_content(path: Path) -> Content:
    """Looks at no more than the first 4 KiB and, in a zip, the last MiB.

    Raises:
        ModelFileError: the file is missing, is no file, or cannot be read.
    """
    with regular_file(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        first = stream.read(FIRST)
        if not first:
            return "empty"
        if first.startswith(ZIP):
            return _zip_content(stream, first, size)
        return _content(first, size)


def refuse_other_content(path: Path) -> None:
    """Says what a file that should be safetensors is instead; returns if it is safetensors.

    Raises:
        ModelFileError: it is something else; the message names what and the next move.
    """
    _refuse(kind_of_content(path), str(path))


def refuse_other_beginning(first: bytes, size: int, file: str) -> None:
    """The same for a file that is still elsewhere: its first bytes and its whole size.

    Raises:
        ModelFileError: it is something else.
    """
    if first.startswith(ZIP):
        _refuse("pickle" if b"data.pkl" in first else "zip", file)
    _refuse(_content(first, size) if first else "empty", file)


def _refuse(content: Content, file: str) -> None:
    if content != "safetensors":
        raise _refusals()[content](file)


def _refusals() -> dict[Content, Callable[[str], ModelFileError]]:
    return {
        "pickle": lambda file: ModelFileError("error.model_pickle", file=file),
        "gguf": lambda file: ModelFileError("error.content_gguf", file=file),
        "html": lambda file: ModelFileError("error.content_html", file=file),
        "lfs_pointer": lambda file: ModelFileError("error.content_lfs_pointer", file=file),
        "json": lambda file: ModelFileError("error.content_text", file=file),
        "text": lambda file: ModelFileError("error.content_text", file=file),
        "empty": lambda file: ModelFileError("error.content_empty", file=file),
        "truncated": lambda file: ModelFileError("error.content_truncated", file=file),
        "zip": lambda file: ModelFileError("error.content_zip", file=file),
        "unknown": lambda file: ModelFileError("error.content_unknown", file=file),
    }


def _content(first: bytes, size: int) -> Content:
    if _begins_as_safetensors(first):
        length = int.from_bytes(first[:LENGTH_BYTES], "little")
        return "safetensors" if LENGTH_BYTES + length <= size else "truncated"
    if first.startswith(b"GGUF"):
        return "gguf"
    if _is_pickle(first) or first[TAR_MAGIC] == b"ustar":
        return "pickle"
    if not any(first):  # a download that reserved its place and never came
        return "truncated"
    return _text_content(first)


def _begins_as_safetensors(first: bytes) -> bool:
    length = int.from_bytes(first[:LENGTH_BYTES], "little")
    return first[LENGTH_BYTES : LENGTH_BYTES + 1] == b"{" and 2 <= length <= LONGEST_HEADER


def _is_pickle(first: bytes) -> bool:
    """A pickle says its protocol first, from protocol 2 on; the older ones begin as lists do."""
    if first[0] == 0x80:
        return len(first) > 1 and first[1] <= HIGHEST_PROTOCOL
    return first.startswith(OLD_PICKLES)


def _text_content(first: bytes) -> Content:
    start = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(LFS):
        return "lfs_pointer"
    try:
        # Not final: the last character may be cut in the middle.
        getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "unknown"
    if any(byte < 0x20 and byte not in TEXT_CONTROLS for byte in start):
        return "unknown"
    if start.startswith(b"<"):
        return "html"
    if start.startswith((b"{", b"[")):
        return "json"
    return "text"


def _zip_content(stream: BinaryIO, first: bytes, size: int) -> Content:
    """torch.save writes `NAME/data.pkl` as its first member; others put it anywhere."""
    stream.seek(max(0, size - 2**20))
    last = stream.read(2**20)
    if b"data.pkl" not in first and b"data.pkl" not in last:
        return "zip"
    return "pickle" if ZIP_END in last[-ZIP_TAIL:] else "truncated"
