"""The tensors that a safetensors header lists: types, shapes, and offsets without holes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

from webui.core.errors import ModelFileError

BITS: Mapping[str, int] = MappingProxyType(
    {
        "BOOL": 8,
        "F4": 4,
        "F6_E2M3": 6,
        "F6_E3M2": 6,
        "U8": 8,
        "I8": 8,
        "F8_E5M2": 8,
        "F8_E4M3": 8,
        "F8_E8M0": 8,
        "F8_E4M3FNUZ": 8,
        "F8_E5M2FNUZ": 8,
        "I16": 16,
        "U16": 16,
        "F16": 16,
        "BF16": 16,
        "I32": 32,
        "U32": 32,
        "F32": 32,
        "C64": 64,
        "F64": 64,
        "I64": 64,
        "U64": 64,
    }
)
"""Bits of one number of each type that the format knows."""

MOST_DIMENSIONS = 32
LARGEST = 2**63 - 1
FIELDS = ("dtype", "shape", "data_offsets")


class Tensor(NamedTuple):
    """A stored tensor: its type by the format's name, and its bytes from `begin` up to `end`."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_entries(pairs: Sequence[tuple[str, Any]], file: str, data_size: int) -> dict[str, Tensor]:
    """Checks each entry of a header and all of them together.

    `pairs`: (name, entry), an entry being the pairs of a JSON object. `data_size`: the bytes
    that the file has after its header.

    Raises:
        ModelFileError: an entry is malformed, its shape and its bytes disagree, or the tensors
            overlap, leave holes, or do not end where the file ends.
    """
    tensors = _in_order(pairs, data_size)
    if tensors is not None:
        return tensors
    tensors = {name: _entry(name, entry, file) for name, entry in pairs}
    _check_layout(tensors, file, data_size)
    return tensors


def _in_order(pairs: Sequence[tuple[str, Any]], data_size: int) -> dict[str, Tensor] | None:
    """Reads a header as all tools write it, quickly; None if anything is out of the ordinary.

    Takes nothing from the file but what equals a value that is known to be right.
    """
    tensors: dict[str, Tensor] = {}
    sizes: dict[tuple[str, tuple[int, ...]], tuple[tuple[int, ...], int]] = {}
    new, known, fields = tuple.__new__, sizes.get, FIELDS
    position = 0
    try:
        for name, entry in pairs:
            (first, dtype), (second, dimensions), (third, (begin, end)) = entry
            key = (dtype, tuple(dimensions))
            found = known(key)
            if found is None:
                if not isinstance(entry, tuple) or not isinstance(dimensions, list):
                    return None
                size = byte_size(dtype, key[1])
                if size is None:
                    return None
                found = sizes[key] = key[1], size
            after = position + found[1]
            if begin != position or end != after or (first, second, third) != fields:
                return None
            tensors[name] = new(Tensor, (dtype, found[0], position, after))
            position = after
    except (TypeError, ValueError):  # not of this form: `_entry` says what is wrong
        return None
    return tensors if position == data_size else None


def byte_size(dtype: str, shape: Sequence[Any]) -> int | None:
    """Bytes of a tensor; None if type or shape are impossible or the bytes are not whole."""
    bits = BITS.get(dtype)
    if bits is None or len(shape) > MOST_DIMENSIONS:
        return None
    for length in shape:
        if type(length) is not int or not 0 <= length <= LARGEST:
            return None
        bits *= length
        if bits > LARGEST:
            return None
    return None if bits % 8 else bits // 8


def _entry(name: str, entry: Any, file: str) -> Tensor:
    """One entry, checked in every respect."""
    if not isinstance(entry, tuple) or sorted(key for key, _ in entry) != sorted(FIELDS):
        raise ModelFileError("error.header_entry", file=file, tensor=name)
    fields = dict(entry)
    dtype, shape = fields["dtype"], fields["shape"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise ModelFileError("error.header_dtype", file=file, tensor=name, got=_brief(dtype))
    size = byte_size(dtype, shape) if isinstance(shape, list) else None
    if size is None:
        raise ModelFileError("error.header_shape", file=file, tensor=name, got=_brief(shape))
    begin, end = _offsets(name, fields["data_offsets"], file)
    if end - begin != size:
        raise ModelFileError(
            "error.header_bytes",
            file=file,
            tensor=name,
            dtype=dtype,
            shape=_brief(shape),
            wanted=size,
            got=end - begin,
        )
    return Tensor(dtype, tuple(shape), begin, end)


def _offsets(name: str, offsets: Any, file: str) -> tuple[int, int]:
    good = (
        isinstance(offsets, list)
        and len(offsets) == 2
        and all(type(offset) is int for offset in offsets)
        and 0 <= offsets[0] <= offsets[1] <= LARGEST
    )
    if not good:
        raise ModelFileError("error.header_offsets", file=file, tensor=name, got=_brief(offsets))
    return offsets[0], offsets[1]


def _check_layout(tensors: Mapping[str, Tensor], file: str, data_size: int) -> None:
    ordered = sorted((tensor.begin, tensor.end, name) for name, tensor in tensors.items())
    last = ordered[-1][1] if ordered else 0
    if last > data_size:
        raise ModelFileError("error.model_truncated", file=file, missing=last - data_size)
    position = 0
    previous = ""
    for begin, end, name in ordered:
        if begin < position:
            raise ModelFileError("error.header_overlap", file=file, first=previous, second=name)
        if begin > position:
            _hole(file, name, begin - position)
        position, previous = end, name
    if position < data_size:
        raise ModelFileError("error.header_rest", file=file, count=data_size - position)


def _hole(file: str, name: str, count: int) -> NoReturn:
    raise ModelFileError("error.header_hole", file=file, tensor=name, count=count)


def _brief(value: object) -> str:
    """A value of the file as text that fits into a sentence."""
    if isinstance(value, int) and value.bit_length() > 64:
        return f"2^{value.bit_length() - 1}…"
    text = repr(value[:8] if isinstance(value, (list, tuple, str)) else value)
    return text if len(text) <= 80 else text[:79] + "…"
