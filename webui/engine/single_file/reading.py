"""Weights from a safetensors file, straight into the number format and place where they work.

The file is read in small pieces into a buffer, not mapped: a mapping of a file that shrinks
meanwhile ends the process, and its pages count as the process's memory. A piece is checked and
converted while it is in the processor's cache. Several threads read a tensor each, in the file's
order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType

import torch
from torch import Tensor

from webui.core.errors import ModelFileError
from webui.engine.device import Device
from webui.engine.single_file.contents import Found
from webui.engine.single_file.origins import THIRDS, Piece

BUFFER_BYTES = 2 * 2**20
MOST_THREADS = 4

SHARED_OUT = 2**15
"""Numbers above which torch shares a computation out to its own threads. They wait for each other
after each, and on a busy machine far longer than the computation takes."""

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


class Row:
    """Two readings told as one. `later`: about the bytes of the second."""

    def __init__(self, tell: Progress, later: int) -> None:
        self._tell = tell
        self._later = later
        self._before = self._now = 0

    def __call__(self, done: int, total: int) -> None:
        """Tells a step of the present reading."""
        self._now = total
        self._tell(self._before + done, self._before + total + self._later)

    def next(self) -> None:
        """The second reading begins."""
        self._before, self._later = self._now, 0


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
    total = sum(_size(one) for one in ordered)
    done = 0
    with _reading(ordered, device) as tensors:
        for one, tensor in zip(ordered, tensors, strict=True):
            one.give(tensor)
            done += _size(one)
            if progress is not None:
                progress(done, total)


@contextmanager
def _reading(ordered: Sequence[Wanted], device: Device) -> Iterator[Iterator[Tensor]]:
    """The tensors one after the other, while threads read those that follow."""
    threads = min(MOST_THREADS, torch.get_num_threads())
    readers: SimpleQueue[_Reader] = SimpleQueue()
    for _ in range(threads):
        readers.put(_Reader(device))

    def read(one: Wanted) -> Tensor:
        reader = readers.get()
        try:
            return reader.read(one)
        finally:
            readers.put(reader)

    pool = ThreadPoolExecutor(threads, thread_name_prefix="weights")
    try:
        yield pool.map(read, ordered)
    finally:
        pool.shutdown(cancel_futures=True)
        for _ in range(threads):
            readers.get().close()


class _Reader:
    """Reads for one thread: a buffer, and the file that it read last."""

    def __init__(self, device: Device) -> None:
        self._device = device
        on_cuda = device.weights_at.type == "cuda"
        self._buffer = torch.empty(BUFFER_BYTES, dtype=torch.uint8, pin_memory=on_cuda)
        self._path = Path()
        self._stream: FileIO | None = None

    def close(self) -> None:
        """Closes the file."""
        if self._stream is not None:
            self._stream.close()

    def read(self, wanted: Wanted) -> Tensor:
        """One tensor, convolutions channels-last, the layout that they are computed fastest in."""
        path = wanted.found.header.path
        try:
            return self._read(self._open(path), wanted)
        except FileNotFoundError as error:
            raise ModelFileError("error.model_missing", file=str(path)) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise ModelFileError("error.model_unreadable", file=str(path), reason=reason) from error

    def _open(self, path: Path) -> FileIO:
        if self._stream is None or self._path != path:
            self.close()
            self._path, self._stream = path, path.open("rb", buffering=0)
        return self._stream

    def _read(self, stream: FileIO, wanted: Wanted) -> Tensor:
        dtype = _dtype(wanted)
        place, convolution = self._device.weights_at, len(wanted.shape) == 4
        result = torch.empty(
            wanted.shape,
            dtype=self._device.dtype,
            device=place,
            memory_format=torch.channels_last if convolution else torch.contiguous_format,
        )
        target = result.t() if wanted.piece == "transposed" else result
        as_stored = dtype == result.dtype and place.type == "cpu" and target.is_contiguous()
        size, rows = _size(wanted), target.shape[0]
        start = wanted.found.header.data_start + wanted.found.entry.begin
        stream.seek(start + size * THIRDS.get(wanted.piece, 0))
        step = max(1, BUFFER_BYTES * rows // size)
        few = max(1, SHARED_OUT * rows // target.numel()) if place.type == "cpu" else step
        for room in torch.split(target, step):
            count = room.numel() * dtype.itemsize
            numbers = room.view(-1) if as_stored else self._room(count).view(dtype)
            _fill(stream, numbers.view(torch.uint8).numpy().data, wanted)
            pieces = torch.split(numbers.view(room.shape), few)
            for part, piece in zip(torch.split(room, few), pieces, strict=True):
                # Of numbers of one byte torch knows nothing but how to convert them.
                plain = piece.to(torch.float16) if dtype.itemsize == 1 else piece
                self._check(plain, wanted)
                if not as_stored:
                    part.copy_(plain)
        return result

    def _room(self, size: int) -> Tensor:
        if size > len(self._buffer):
            pinned = self._buffer.is_pinned()
            self._buffer = torch.empty(size, dtype=torch.uint8, pin_memory=pinned)
        return self._buffer[:size]

    def _check(self, numbers: Tensor, wanted: Wanted) -> None:
        low, high = (float(end) for end in torch.aminmax(numbers))
        limit = torch.finfo(self._device.dtype).max
        if not (-limit <= low and high <= limit):  # NaN is neither
            raise ModelFileError(
                "error.model_not_finite",
                file=str(wanted.found.header.path),
                tensor=wanted.found.name,
            )


def _fill(stream: FileIO, room: memoryview, wanted: Wanted) -> None:
    """Puts the next bytes of the file there."""
    got = 0
    while got < len(room):
        count = stream.readinto(room[got:])
        if not count:
            raise ModelFileError(
                "error.model_truncated",
                file=str(wanted.found.header.path),
                missing=wanted.found.header.file_size - stream.tell(),
            )
        got += count


def _dtype(wanted: Wanted) -> torch.dtype:
    dtype = DTYPES.get(wanted.found.entry.dtype)
    if dtype is None:
        raise ModelFileError(
            "error.weight_dtype",
            file=str(wanted.found.header.path),
            tensor=wanted.found.name,
            got=wanted.found.entry.dtype,
        )
    return dtype


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
