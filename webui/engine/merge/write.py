"""Computes the tensors of a merge and writes them as they are computed, a few megabytes at a time.

Numbers are computed in single precision (double, if a file has that), whatever they are stored in.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from io import FileIO
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from webui.core.errors import ModelFileError
from webui.core.model_files.header import LENGTH_BYTES
from webui.engine.merge.plan import LATENT, Step, Stored
from webui.engine.single_file.reading import DTYPES

CHUNK = 2**20
"""Numbers that are computed at a time."""

COPIED = 2**22
"""Bytes that are copied at a time."""

ALIGNMENT = 8

Report = Callable[[int], None]
"""Told how many more bytes were written."""


def write(target: Path, steps: Sequence[Step], metadata: Mapping[str, str], report: Report) -> None:
    """Writes a safetensors file.

    Raises:
        ModelFileError: there is no room; a weight is or becomes NaN or infinite; or a source
            cannot be read or changes meanwhile.
        OSError: the file cannot be written.
    """
    header = _header(steps, metadata)
    _check_room(target.parent, len(header) + sum(step.size for step in steps))
    with ExitStack() as closing, target.open("wb") as out:
        files = Files(closing)
        out.write(len(header).to_bytes(LENGTH_BYTES, "little") + header)
        for step in steps:
            for numbers in _pieces(step, files):
                out.write(numbers)
                report(len(numbers))
        files.check_unchanged()
        out.flush()
        os.fsync(out.fileno())


class Files:
    """The sources, each opened once; they must stay as they are."""

    def __init__(self, closing: ExitStack) -> None:
        self._closing = closing
        self._open: dict[Path, tuple[FileIO, tuple[int, int]]] = {}

    def read(self, stored: Stored, begin: int, size: int) -> bytearray:
        """Bytes of a tensor.

        Raises:
            ModelFileError: the file is missing, cannot be read, or became shorter.
        """
        path = stored.header.path
        data = bytearray(size)
        try:
            stream = self._stream(path, stored.header.file_size)
            stream.seek(stored.header.data_start + stored.entry.begin + begin)
            got = 0
            while got < size:
                count = stream.readinto(memoryview(data)[got:])
                if not count:
                    missing = size - got
                    raise ModelFileError("error.model_truncated", file=str(path), missing=missing)
                got += count
        except FileNotFoundError as error:
            raise ModelFileError("error.model_missing", file=str(path)) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise ModelFileError("error.model_unreadable", file=str(path), reason=reason) from error
        return data

    def check_unchanged(self) -> None:
        """Raises ModelFileError if somebody wrote to a source meanwhile."""
        for path, (stream, before) in self._open.items():
            if _stamp(stream) != before:
                raise ModelFileError("error.merge_changed", file=str(path))

    def _stream(self, path: Path, size: int) -> FileIO:
        if path not in self._open:
            stream = self._closing.enter_context(path.open("rb", buffering=0))
            self._open[path] = stream, _stamp(stream)
            if self._open[path][1][0] != size:  # another file since its header was read
                raise ModelFileError("error.merge_changed", file=str(path))
        return self._open[path][0]


def _stamp(stream: FileIO) -> tuple[int, int]:
    state = os.fstat(stream.fileno())
    return state.st_size, state.st_mtime_ns


def _header(steps: Sequence[Step], metadata: Mapping[str, str]) -> bytes:
    entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    position = 0
    for step in steps:
        end = position + step.size
        shape, offsets = list(step.shape), [position, end]
        entries[step.name] = {"dtype": step.dtype, "shape": shape, "data_offsets": offsets}
        position = end
    raw = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return raw + b" " * (-len(raw) % ALIGNMENT)


def _check_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size:
        values = {"needed": f"{size / 10**9:.1f}", "free": f"{free / 10**9:.1f}"}
        raise ModelFileError("error.convert_room", folder=str(folder), **values)


def _pieces(step: Step, files: Files) -> Iterator[bytearray | memoryview]:
    """The bytes of a tensor, piece by piece."""
    first = step.sources[0]
    if first.entry.dtype not in DTYPES:  # nothing but a copy is possible
        size = first.entry.end - first.entry.begin
        for begin in range(0, size, COPIED):
            yield files.read(first, begin, min(COPIED, size - begin))
        return
    if step.partial:
        yield _stored(_partial(step, files), step)
        return
    count = prod(step.shape)
    for begin in range(0, count, CHUNK):
        numbers = min(CHUNK, count - begin)
        read = [_numbers(one, files, begin, numbers) for one in step.sources]
        yield _stored(_combined(read, step.weight), step)


def _partial(step: Step, files: Files) -> Tensor:
    """The first convolution of a UNet with further inputs, which the others have not."""
    first, *others = (
        _numbers(one, files, 0, prod(one.entry.shape)).reshape(one.entry.shape)
        for one in step.sources
    )
    result = first.clone()
    result[:, :LATENT] = _combined([first[:, :LATENT], *others], step.weight)
    return result


def _combined(parts: Sequence[Tensor], weight: float) -> Tensor:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        return parts[0] * (1 - weight) + parts[1] * weight
    return parts[0] + (parts[1] - parts[2]) * weight


def _numbers(stored: Stored, files: Files, begin: int, count: int) -> Tensor:
    """Numbers of a tensor from its `begin`-th on, flat, in the precision to compute in."""
    dtype = DTYPES[stored.entry.dtype]
    data = files.read(stored, begin * dtype.itemsize, count * dtype.itemsize)
    raw = torch.frombuffer(data, dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)
    numbers = raw.view(dtype).to(torch.float64 if dtype == torch.float64 else torch.float32)
    if not torch.isfinite(numbers).all():
        values = {"file": str(stored.header.path), "tensor": stored.name}
        raise ModelFileError("error.model_not_finite", **values)
    return numbers


def _stored(numbers: Tensor, step: Step) -> memoryview:
    """The numbers as they are written.

    Raises:
        ModelFileError: one is too large for its format.
    """
    dtype = DTYPES[step.dtype]
    result = numbers.contiguous().to(dtype)
    if not torch.isfinite(result.to(torch.float32) if dtype.itemsize == 1 else result).all():
        raise ModelFileError("error.merge_overflow", tensor=step.name, dtype=step.dtype)
    return memoryview(result.flatten().view(torch.uint8).numpy().data)
