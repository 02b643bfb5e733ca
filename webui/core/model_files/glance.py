"""A quick look at many safetensors files: names, types and shapes of the tensors, no offsets.

A header of thousands of tensors takes three times as long to check as to look at. So lists are
made from glances; a file is checked wholly, by `read_header`, before it is loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from webui.core.model_files.entries import BITS, Tensor
from webui.core.model_files.header import (
    LENGTH_BYTES,
    METADATA,
    read_header,
    read_header_bytes,
    read_metadata,
)

ENTRY = re.compile(r'"([^"\\]+)": ?\{"dtype": ?"([^\]]*)\], ?"data_offsets"')
FORM = re.compile(r'(\w+)", ?"shape": ?\[((?:\d+(?:, ?\d+)*)?)')
"""The second group of `ENTRY`; it is checked once for each form, not for each tensor."""

LAST_OFFSET = re.compile(r"(\d+)\]\}\} *\Z")
TAIL = 4096


class Form(NamedTuple):
    """Type and shape of a tensor."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Glance:
    """What a list shows is made from this. `metadata` is untrusted text."""

    path: Path
    tensors: Mapping[str, Form | Tensor]
    metadata: Mapping[str, str]
    file_size: int


class _Forms(dict[str, Form]):
    """Forms by their text; a model has thousands of tensors of some dozen forms."""

    def __missing__(self, text: str) -> Form:
        match = FORM.fullmatch(text)
        if match is None or match[1] not in BITS:
            raise ValueError(text)
        shape = tuple(int(part) for part in match[2].split(",")) if match[2] else ()
        form = self[text] = Form(match[1], shape)
        return form


def glance(path: Path) -> Glance:
    """Looks at a safetensors file. A header out of the ordinary is checked wholly instead.

    Raises:
        ModelFileError: as `read_header`; faults of offsets within the file go unnoticed here.
    """
    raw, file_size = read_header_bytes(path)
    seen = _look(raw, str(path), file_size - LENGTH_BYTES - len(raw))
    if seen is not None:
        return Glance(path, seen[0], seen[1], file_size)
    header = read_header(path)
    return Glance(path, header.tensors, header.metadata, header.file_size)


def _look(
    raw: bytes, file: str, data_size: int
) -> tuple[dict[str, Form | Tensor], Mapping[str, str]] | None:
    """None unless every entry is found and the last one ends where the file ends."""
    try:
        text = raw.decode("utf-8")
        metadata, start = _metadata(text, file)
        found = ENTRY.findall(text, start)
        forms = _Forms()
        tensors: dict[str, Form | Tensor] = {name: forms[form] for name, form in found}
    except (ValueError, RecursionError):  # `read_header` says what is wrong
        return None
    complete = len(tensors) == len(found) == text.count('"data_offsets"', start)
    last = LAST_OFFSET.search(text, max(0, len(text) - TAIL))
    if not complete or last is None or int(last[1]) != data_size:
        return None
    return tensors, metadata


def _metadata(text: str, file: str) -> tuple[Mapping[str, str], int]:
    """The metadata, if they stand first as all writers put them, and where they end."""
    match = re.match(rf'\{{"{METADATA}": ?', text)
    if match is None:
        if f'"{METADATA}"' in text:
            raise ValueError(METADATA)
        return {}, 0
    value, end = json.JSONDecoder(object_pairs_hook=tuple).raw_decode(text, match.end())
    return read_metadata(value, file)[0], end
