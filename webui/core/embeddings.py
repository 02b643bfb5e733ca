"""Textual-inversion embeddings (Gal et al. 2022, arXiv:2208.01618): files, and names in prompts.

A file in the folder of embeddings gives its name, without suffix, a meaning: where that name
stands in a prompt as a word, the file's vectors take the places of tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath

SUFFIXES = frozenset({".safetensors", ".pt", ".bin"})
MAX_FILES = 10_000
MAX_FILE_BYTES = 64 * 2**20
"""The largest in use are under a megabyte; what is bigger is another kind of model."""

MAX_VECTORS = 75
"""An embedding stands in one chunk, whole."""

HASH_DIGITS = 12
"""How much of the SHA-256 of a file infotexts give."""


Walk = Iterable[tuple[str, list[str], list[str]]]
"""What `os.walk` gives of a folder."""


def by_name(walks: Iterable[Walk]) -> dict[str, str]:
    """The files of several folders and their subfolders by the names they have in prompts.

    Of files with the same name that of the first folder counts, within a folder the one nearer to
    the top, then the one whose path comes first. Hidden files and folders are not looked at.
    """
    found: dict[str, str] = {}
    for walk in walks:
        for path in _files(walk, MAX_FILES - len(found)):
            found.setdefault(path.stem, str(path))
    return found


def _files(walk: Walk, most: int) -> list[PurePath]:
    paths: list[PurePath] = []
    for folder, folders, files in walk:
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for file in files:
            path = PurePath(folder, file)
            if path.suffix.lower() in SUFFIXES and not file.startswith("."):
                paths.append(path)
        if len(paths) > most:
            break
    return sorted(paths, key=lambda path: (len(path.parts), str(path)))[:most]


class NameIndex:
    """Finds names in prompts by their token ids, so that "A" is not found within "cAt"."""

    def __init__(self, names: Iterable[str], encode: Callable[[str], Sequence[int]]) -> None:
        """`encode` gives the token ids of a text, as those of prompts are made."""
        self._by_first: dict[int, dict[tuple[int, ...], str]] = {}
        for name in names:
            ids = tuple(encode(name))
            if ids:
                self._by_first.setdefault(ids[0], {}).setdefault(ids, name)
        self._lengths: Mapping[int, Sequence[int]] = {
            first: sorted({len(ids) for ids in known}, reverse=True)
            for first, known in self._by_first.items()
        }

    def at(self, ids: Sequence[int], place: int) -> Iterator[tuple[str, int]]:
        """(name, tokens that it takes) for all names that begin here, the longest first."""
        known = self._by_first.get(ids[place], {})
        for length in self._lengths.get(ids[place], ()):
            name = known.get(tuple(ids[place : place + length]))
            if name is not None:
                yield name, length


def hashes_text(hashes: Mapping[str, str]) -> str:
    """The value of "TI hashes" in an infotext: `name: hash, name: hash`."""
    return ", ".join(f"{name}: {digest}" for name, digest in sorted(hashes.items()))
