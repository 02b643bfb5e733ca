"""The embeddings of a worker: which there are, those loaded, and those that a job used."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from webui.core.embeddings import by_name
from webui.core.errors import Message, ModelFileError
from webui.engine.embedding_formats import ANY_SLOT, read_embedding

Files = tuple[tuple[str, str, int, int], ...]
"""(name, path, size, time of change) of each file."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """vectors: (n, D) float32 on the CPU by the text encoder's slot, n from 1 to 75.

    digest: for infotexts.
    """

    name: str
    vectors: Mapping[str, Tensor]
    digest: str

    @property
    def count(self) -> int:
        """How many vectors it has for each text encoder."""
        return len(next(iter(self.vectors.values())))


class Embeddings:
    """The files of folders. They are read when a prompt names them, again if they changed."""

    def __init__(self, *folders: str | Path) -> None:
        self.files: Files = ()
        self._loaded: dict[str, Embedding | Message] = {}
        self.look(folders)

    def look(self, folders: Iterable[str | Path]) -> None:
        """Looks at folders anew; what is known of their files is forgotten if any changed."""
        found = by_name(os.walk(folder) for folder in folders)
        files = tuple(_state(name, path) for name, path in found.items())
        if files != self.files:
            self.files = files
            self._loaded.clear()

    def names(self) -> tuple[str, ...]:
        """All names that prompts may use."""
        return tuple(name for name, *_ in self.files)

    def load(self, name: str, widths: Mapping[str, int]) -> Embedding | Message:
        """The embedding of that name for text encoders of these widths, or why it cannot be used.

        widths: by slot. Files with vectors for one text encoder do not say which it is.
        """
        if name not in self._loaded:
            path = next(path for known, path, *_ in self.files if known == name)
            try:
                self._loaded[name] = Embedding(name, *read_embedding(Path(path), name))
            except ModelFileError as error:
                self._loaded[name] = error.message
        found = self._loaded[name]
        return found if isinstance(found, Message) else _fitted(found, widths)


def _fitted(found: Embedding, widths: Mapping[str, int]) -> Embedding | Message:
    vectors = found.vectors
    if ANY_SLOT in vectors and len(widths) == 1:
        vectors = {next(iter(widths)): vectors[ANY_SLOT]}
    elif ANY_SLOT in vectors:
        return Message("remark.embedding_other_family", {"name": found.name})
    elif not widths.keys() <= vectors.keys() or widths.keys() == {"clip_l"}:
        return Message("remark.embedding_family", {"name": found.name})
    for slot, width in widths.items():
        got = vectors[slot].shape[1]
        if got != width:
            values = {"name": found.name, "got": got, "wanted": width}
            return Message("remark.embedding_width", values)
    return replace(found, vectors={slot: vectors[slot] for slot in widths})


def _state(name: str, path: str) -> tuple[str, str, int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return name, path, -1, -1
    return name, path, status.st_size, status.st_mtime_ns
