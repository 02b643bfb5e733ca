"""Weights from a safetensors file, straight into the number format and place where they work.

The file is read in small pieces into one buffer, not mapped: a mapping of a file that shrinks
meanwhile ends the process, and its pages count as the process's memory. A piece is checked and
converted while it is in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import FileIO
from itertools import groupby
from types import MappingProxyType

import torch
from torch import Tensor

from webui.core.errors import ModelFileError
from webui.engine.device import Device
from webui.engine.single_file.contents import Found
from webui.engine.single_file.origins import THIRDS, Piece

BUFFER_BYTES = 2 * 2**20

DTYPES: Mapping[str, torch.dtype] = MappingProxyType(
    {
        "F64": torch.float64,
        "F32": torch.float32,
        "F16": torch.float16,
        "BF16": torch.bfloat16,
        "F8_E4M3": torch.float8_e4m3fn,
        "F8_E5M2": torch.float8_e5m2,
        "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
        "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
    }
)
"""The number formats of weights, by the file format's names."""

Progress = Callable[[int, int], None]
"""Told bytes done and bytes in all. May raise, to give up."""


@dataclass(frozen=True)
class Wanted:
    """A tensor to read, which part of it, and the shape it is to have; `give` takes the result."""

    found: Found
    piece: Piece
    shape: tuple[int, ...]
    give: Callable[[Tensor], None]

    def fits(self) -> bool:
        """Whether the stored shape is the wanted one, but for dimensions of 1 at the end.

        Layers of attention are convolutions of 1 by 1 in some files and matrices in others.
        """
        stored = list(self.found.entry.shape)
        if self.piece in THIRDS:
            if stored[0] % len(THIRDS):
                return False
            stored[0] //= len(THIRDS)
        elif self.piece == "transposed":
            stored.reverse()
        return _core(stored) == _core(self.shape)


def read_all(wanted: Iterable[Wanted], device: Device, progress: Progress | None = None) -> None:
    """Reads tensors, file by file and in each file's order. Check that they fit before.

    Raises:
        ModelFileError: a file changed since its header was read, cannot be read, or a weight
            is NaN, infinite, no fraction, or too large for the device's number format.
    """
    ordered = sorted(wanted, key=_place)
    reader = _Reader(device, progress, sum(_size(one) for one in ordered))
    for path, of_one_file in groupby(ordered, key=lambda one: one.found.header.path):
        try:
            with path.open("rb", buffering=0) as stream:
                for one in of_one_file:
                    one.give(reader.read(stream, one))
        except FileNotFoundError as error:
            raise ModelFileError("error.model_missing", file=str(path)) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise ModelFileError("error.model_unreadable", file=str(path), reason=reason) from error


class _Reader:
    def __init__(self, device: Device, progress: Progress | None, total: int) -> None:
        self._device = device
        self._progress = progress
        self._done = 0
        self._total = total
        on_cuda = device.weights_at.type == "cuda"
        self._buffer = torch.empty(BUFFER_BYTES, dtype=torch.uint8, pin_memory=on_cuda)

    def read(self, stream: FileIO, wanted: Wanted) -> Tensor:
        """One tensor, convolutions channels-last, the layout that they are computed fastest in."""
        convolution = len(wanted.shape) == 4
        result = torch.empty(
            wanted.shape,
            dtype=self._device.dtype,
            device=self._device.weights_at,
            memory_format=torch.channels_last if convolution else torch.contiguous_format,
        )
        target = result.t() if wanted.piece == "transposed" else result
        rows = target.shape[0]
        size = _size(wanted)
        start = wanted.found.header.data_start + wanted.found.entry.begin
        stream.seek(start + size * THIRDS.get(wanted.piece, 0))
        row_bytes = size // rows
        self._reserve(row_bytes)
        step = len(self._buffer) // row_bytes
        for begin in range(0, rows, step):
            end = min(begin + step, rows)
            piece = self._next(stream, wanted, (end - begin) * row_bytes)
            target[begin:end].copy_(piece.view(target[begin:end].shape))
            self._report((end - begin) * row_bytes)
        return result

    def _reserve(self, size: int) -> None:
        if size > len(self._buffer):
            pinned = self._buffer.is_pinned()
            self._buffer = torch.empty(size, dtype=torch.uint8, pin_memory=pinned)

    def _next(self, stream: FileIO, wanted: Wanted, size: int) -> Tensor:
        """The next numbers of the file, flat, checked; they stand in the buffer."""
        room = self._buffer.numpy()[:size].data
        got = 0
        while got < size:
            count = stream.readinto(room[got:])
            if not count:
                raise ModelFileError(
                    "error.model_truncated",
                    file=str(wanted.found.header.path),
                    missing=wanted.found.header.file_size - stream.tell(),
                )
            got += count
        dtype = DTYPES.get(wanted.found.entry.dtype)
        if dtype is None:
            raise ModelFileError(
                "error.weight_dtype",
                file=str(wanted.found.header.path),
                tensor=wanted.found.name,
                got=wanted.found.entry.dtype,
            )
        numbers = self._buffer[:size].view(dtype)
        if dtype.itemsize == 1:  # torch only converts these
            numbers = numbers.to(torch.float16)
        self._check(numbers, wanted)
        return numbers

    def _check(self, numbers: Tensor, wanted: Wanted) -> None:
        low, high = (float(end) for end in torch.aminmax(numbers))
        limit = torch.finfo(self._device.dtype).max
        if not (-limit <= low and high <= limit):  # NaN is neither
            raise ModelFileError(
                "error.model_not_finite",
                file=str(wanted.found.header.path),
                tensor=wanted.found.name,
            )

    def _report(self, size: int) -> None:
        self._done += size
        if self._progress is not None:
            self._progress(self._done, self._total)


def _place(wanted: Wanted) -> tuple[str, int]:
    return str(wanted.found.header.path), wanted.found.entry.begin


def _size(wanted: Wanted) -> int:
    """Bytes that are read for it."""
    entry = wanted.found.entry
    size = entry.end - entry.begin
    return size // len(THIRDS) if wanted.piece in THIRDS else size


def _core(shape: Iterable[int]) -> list[int]:
    lengths = list(shape)
    while lengths and lengths[-1] == 1:
        lengths.pop()
    return lengths
