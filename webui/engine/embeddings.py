"""The embeddings of a worker: which there are, those loaded, and those that a job used."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from webui.core.embeddings import by_name
from webui.core.errors import Message, ModelFileError
from webui.engine.embedding_formats import read_embedding

Files = tuple[tuple[str, str, int, int], ...]
"""(name, path, size, time of change) of each file."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """vectors: (n, D) float32 on the CPU, n from 1 to 75. digest: for infotexts."""

    name: str
    vectors: Tensor
    digest: str


class Embeddings:
    """The files of a folder. They are read when a prompt names them, again if they changed."""

    def __init__(self, folder: Path | None = None) -> None:
        self.files: Files = ()
        self._loaded: dict[str, Embedding | Message] = {}
        self.look(folder)

    def look(self, folder: Path | None) -> None:
        """Looks at a folder anew; what is known of its files is forgotten if any changed."""
        found = by_name(os.walk(folder)) if folder is not None else {}
        files = tuple(_state(name, path) for name, path in found.items())
        if files != self.files:
            self.files = files
            self._loaded.clear()

    def names(self) -> tuple[str, ...]:
        """All names that prompts may use."""
        return tuple(name for name, *_ in self.files)

    def load(self, name: str, width: int) -> Embedding | Message:
        """The embedding of that name for a text encoder of that width, or why it cannot be used."""
        if name not in self._loaded:
            path = next(path for known, path, *_ in self.files if known == name)
            try:
                self._loaded[name] = Embedding(name, *read_embedding(Path(path), name))
            except ModelFileError as error:
                self._loaded[name] = error.message
        found = self._loaded[name]
        if isinstance(found, Embedding) and found.vectors.shape[1] != width:
            values = {"name": name, "got": found.vectors.shape[1], "wanted": width}
            return Message("remark.embedding_width", values)
        return found


def _state(name: str, path: str) -> tuple[str, str, int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return name, path, -1, -1
    return name, path, status.st_size, status.st_mtime_ns
