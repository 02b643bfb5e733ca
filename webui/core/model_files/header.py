"""The header of a safetensors file, checked before anybody relies on it.

A file is an 8-byte little-endian length, that many bytes of JSON, then the tensors' bytes
without holes (https://huggingface.co/docs/safetensors). Only length and JSON are read here.
"""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

from webui.core.errors import ModelFileError
from webui.core.model_files.entries import Tensor, read_entries

LENGTH_BYTES = 8
LONGEST_HEADER = 100_000_000
"""Bytes; the format's own limit."""

MOST_VALUES = 2_000_000
"""JSON values in a header. The largest models have some thousand tensors of nine values each."""

METADATA = "__metadata__"
LONGEST_METADATA = 2**20
"""Characters of metadata that are kept; training tools store whole tables of tags there."""

Pairs = tuple[tuple[str, Any], ...]


class HeaderBytes(NamedTuple):
    """The JSON of a header as bytes, and the size of its file."""

    raw: bytes
    file_size: int


@dataclass(frozen=True)
class Header:
    """`tensors` by name in the file's order; their offsets count from `data_start`.

    `metadata` is untrusted text; `metadata_cut` says that there was more of it. `file_size` and
    `data_start` are in bytes.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    data_start: int
    file_size: int
    metadata_cut: bool = False


def read_header(path: Path) -> Header:
    """Reads the header of a safetensors file and nothing else of it.

    Takes time linear in the header's length, n log n if its tensors are not in order.

    Raises:
        ModelFileError: the file cannot be read or breaks a rule of the format; the message
            names the file, the rule and the value.
    """
    return parse_header(path, *read_header_bytes(path))


def parse_header(path: Path, raw: bytes, file_size: int) -> Header:
    """A header whose bytes are there already, of a file of this size that need not be.

    Raises:
        ModelFileError: as `read_header`.
    """
    file = str(path)
    pairs = _parse(raw, file)
    tensor_pairs = [pair for pair in pairs if pair[0] != METADATA]
    given = dict(pairs).get(METADATA, ())
    metadata, cut = read_metadata(given, file)
    data_start = LENGTH_BYTES + len(raw)
    tensors = read_entries(tensor_pairs, file, file_size - data_start)
    if b"\\u" in raw:
        _check_names(tensors, file)
    return Header(path, tensors, metadata, data_start, file_size, cut)


@contextmanager
def regular_file(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for reading, unless it is a pipe or a device, which could make us wait.

    Raises:
        ModelFileError: it is missing, is no file, or cannot be read.
    """
    file = str(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ModelFileError("error.model_not_a_file", file=file)
        with path.open("rb") as stream:
            yield stream
    except FileNotFoundError as error:
        raise ModelFileError("error.model_missing", file=file) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelFileError("error.model_unreadable", file=file, reason=reason) from error


def read_header_bytes(path: Path) -> HeaderBytes:
    """The JSON of a safetensors header as it stands in the file, not parsed.

    Raises:
        ModelFileError: the file cannot be read, or is shorter than its header.
    """
    file = str(path)
    with regular_file(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        start = stream.read(LENGTH_BYTES)
        if len(start) < LENGTH_BYTES:
            raise ModelFileError("error.header_short", file=file, size=size)
        length = int.from_bytes(start, "little")
        if length > LONGEST_HEADER:
            raise ModelFileError("error.header_long", file=file, got=length, high=LONGEST_HEADER)
        if length > size - LENGTH_BYTES:
            raise ModelFileError("error.header_beyond", file=file, got=length, size=size)
        raw = stream.read(length)
    if len(raw) < length:  # it shrank meanwhile
        raise ModelFileError("error.header_beyond", file=file, got=length, size=size)
    return HeaderBytes(raw, size)


def parse_object(raw: bytes, file: str, *, fractions: bool = False) -> Pairs:
    """A JSON object as pairs in their order, objects within it too.

    Pairs, because a dict would hide a key that comes twice. An array becomes a list. A safetensors
    header has no `fractions`.

    Raises:
        ModelFileError: it is no JSON, no object, too deep or too large, or has a key twice.
    """
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MOST_VALUES:
        raise ModelFileError("error.header_crowded", file=file, high=MOST_VALUES)
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=tuple,
            parse_float=float if fractions else _refuse_number,
            parse_constant=_refuse_number,
        )
    except RecursionError as error:
        raise ModelFileError("error.header_deep", file=file) from error
    except ValueError as error:  # broken JSON and broken UTF-8 alike
        raise ModelFileError("error.header_json", file=file, reason=str(error)) from error
    if not isinstance(value, tuple):
        kind = type(value).__name__
        raise ModelFileError("error.header_object", file=file, got=kind)
    refuse_duplicates(value, file)
    return value


def refuse_duplicates(pairs: Pairs, file: str) -> None:
    """Raises ModelFileError if two of the pairs have the same name."""
    if len(dict(pairs)) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ModelFileError("error.header_duplicate", file=file, name=_encodable(name))


def _parse(raw: bytes, file: str) -> Pairs:
    if not raw.startswith(b"{"):
        raise ModelFileError("error.header_start", file=file)
    return parse_object(raw, file)


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(text)


def read_metadata(value: Any, file: str) -> tuple[dict[str, str], bool]:
    """Metadata that is kept, and whether more was there. `value`: as `parse_object` gives it.

    Raises:
        ModelFileError: it is not an object of texts, or names something twice.
    """
    if not isinstance(value, tuple):
        kind = type(value).__name__
        raise ModelFileError("error.header_metadata", file=file, name=METADATA, got=kind)
    refuse_duplicates(value, file)
    kept: dict[str, str] = {}
    room = LONGEST_METADATA
    for name, text in value:
        if not isinstance(text, str):
            kind = type(text).__name__
            raise ModelFileError("error.header_metadata", file=file, name=name, got=kind)
        if len(name) + len(text) <= room:
            kept[_encodable(name)] = _encodable(text)
            room -= len(name) + len(text)
    return kept, len(kept) < len(value)


def _encodable(text: str) -> str:
    """Without halves of characters, which JSON can spell and nothing can store."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _check_names(tensors: Mapping[str, Tensor], file: str) -> None:
    for name in tensors:
        try:
            name.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ModelFileError("error.header_name", file=file, name=_encodable(name)) from error
