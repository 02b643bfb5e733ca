"""What the server knows about the files of textual-inversion embeddings, without torch."""

from __future__ import annotations

import os
import pickletools
import threading
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from webui.core.embeddings import MAX_FILE_BYTES, MAX_VECTORS, by_name

MAX_PICKLE_BYTES = 2**20
REMEMBERED = 20_000
NUMBERS = frozenset({"BININT", "BININT1", "BININT2", "LONG1"})

Shape = tuple[int, int]


@dataclass(frozen=True)
class EmbeddingEntry:
    """A file of the folders. vectors, width: None where only loading it would tell."""

    name: str
    vectors: int | None
    width: int | None


class EmbeddingShelf:
    """The embeddings of folders, looked at anew each time. Thread-safe."""

    def __init__(self, folders: Callable[[], Iterable[Path]]) -> None:
        """`folders` says where to look; the first have precedence."""
        self.folders = folders
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int, int], Shape | None] = {}

    def entries(self) -> tuple[EmbeddingEntry, ...]:
        """All files by name, in the order of the alphabet."""
        found = by_name(os.walk(folder) for folder in self.folders())
        with self._lock:
            shapes = {name: self._shape(path) for name, path in found.items()}
        return tuple(
            EmbeddingEntry(name, *(shapes[name] or (None, None)))
            for name in sorted(shapes, key=str.casefold)
        )

    def _shape(self, path: str) -> Shape | None:
        try:
            status = os.stat(path)
        except OSError:
            return None
        key = path, status.st_size, status.st_mtime_ns
        if key not in self._known:
            if len(self._known) > REMEMBERED:
                self._known.clear()
            self._known[key] = _shape(Path(path)) if status.st_size <= MAX_FILE_BYTES else None
        return self._known[key]


def _shape(path: Path) -> Shape | None:
    """(vectors, width) of a file that holds one embedding for one text encoder."""
    try:
        dimensions = _of_zip(path) if zipfile.is_zipfile(path) else _of_safetensors(path)
    except (OSError, ValueError, LookupError, EOFError, RuntimeError, SafetensorError,
            zipfile.BadZipFile, NotImplementedError):  # fmt: skip
        return None
    rows = dimensions if len(dimensions) == 2 else (1, *dimensions)
    return (rows[0], rows[1]) if len(rows) == 2 and 1 <= rows[0] <= MAX_VECTORS else None


def _of_safetensors(path: Path) -> tuple[int, ...]:
    with safe_open(str(path), framework="numpy") as file:
        names = list(file.keys())
        if len(names) != 1:
            return ()
        return tuple(file.get_slice(names[0]).get_shape())


def _of_zip(path: Path) -> tuple[int, ...]:
    """The shape of the only tensor of a torch file, from the words of its pickle.

    They are read, not obeyed. After the word that names a tensor's storage come its offset and
    its shape.
    """
    with zipfile.ZipFile(path) as archive:
        entry = next((e for e in archive.infolist() if e.filename.endswith("/data.pkl")), None)
        if entry is None or entry.file_size > MAX_PICKLE_BYTES:
            return ()
        words = archive.read(entry)
    shapes: list[tuple[int, ...]] = []
    numbers: list[int] | None = None
    for opcode, argument, _ in pickletools.genops(words):
        if opcode.name == "BINPERSID":
            numbers = []
        elif numbers is not None and opcode.name in NUMBERS and isinstance(argument, int):
            numbers.append(argument)
        elif numbers is not None and opcode.name.startswith("TUPLE"):
            shapes.append(tuple(numbers[1:]))
            numbers = None
    big = [shape for shape in shapes if len(shape) == 2] or shapes
    return big[0] if len(big) == 1 else ()
