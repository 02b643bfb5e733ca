"""What there is in the folders of models: files and folders that may be models, not yet opened."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from unicodedata import category

from webui.core.errors import Message
from webui.services.library.places import (
    ANYTHING,
    CHECKPOINTS,
    OWN_FOLDERS,
    VAES,
    Realm,
    purpose_of,
    realm_of,
)

MODEL_INDEX = "model_index.json"
CONFIG = "config.json"
SAFE_SUFFIXES = frozenset({".safetensors", ".sft"})
PICKLE_SUFFIXES = frozenset({".ckpt", ".pt", ".pth", ".bin", ".gguf"})
"""Suffixes of formats that are not read. They only promise what is in a file, so each is looked
into, but only where checkpoints, VAEs and upscalers are kept: face models are full of them."""

LOOKED_INTO = (ANYTHING, CHECKPOINTS, VAES, OWN_FOLDERS["upscaler"])

PART_STEMS = ("diffusion_pytorch_model", "model.")
PART_ENDS = (".safetensors", ".safetensors.index.json")
SIDECARS = (".yaml", ".json")
UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of controls, halves of characters and ends of lines."""

DEEPEST = 8
MOST = 20_000
"""Candidates; nobody has that many models, but somebody may name `/` as a folder."""


@dataclass(frozen=True)
class Candidate:
    """A file, a folder in diffusers' layout, or the folder of a part of such a model.

    `name`: path below the folder `base`, with "/", without a file's suffix. `purpose`: what the
    base is for. `realm`: where it really lies. `stamp` changes when the content does. `size`: in
    bytes. `sidecars`: files with settings beside it, with their stamps. `refusal`: why it is not
    looked into.
    """

    path: Path
    form: Literal["file", "folder", "part"]
    name: str
    base: Path
    purpose: str
    realm: Realm | None
    stamp: str = ""
    size: int = 0
    sidecars: tuple[tuple[Path, str], ...] = ()
    refusal: Message | None = None


def walk(bases: Iterable[Path], realms: Sequence[Realm]) -> tuple[Candidate, ...]:
    """All candidates below the bases, in the order of the alphabet, each once.

    Hidden files and folders are not looked at, folders that are missing or closed to us are
    empty, and links out of the realms are refused.
    """
    walker = _Walker(realms)
    for base in bases:
        walker.look(base, base, purpose_of(base.name), 0)
    return tuple(walker.found)


class _Walker:
    def __init__(self, realms: Sequence[Realm]) -> None:
        self.found: list[Candidate] = []
        self._realms = realms
        self._seen: set[str] = set()

    def look(self, folder: Path, base: Path, purpose: str, depth: int) -> None:
        realm = realm_of(folder, self._realms)
        if realm is None:
            self._refuse(folder, base, purpose)
            return
        real = os.path.realpath(folder)
        if real in self._seen or depth > DEEPEST:
            return
        self._seen.add(real)
        entries = _entries(folder)
        names = {entry.name for entry in entries}
        whole = depth > 0 and MODEL_INDEX in names
        part = depth > 0 and CONFIG in names and any(_is_part(name) for name in names)
        if whole or part:
            self._add_folder("folder" if whole else "part", folder, base, purpose, realm)
        for entry in entries:
            if len(self.found) >= MOST:
                return
            if _is_folder(entry):
                if not whole and not part:
                    self._go_down(Path(entry.path), base, purpose, depth)
            elif not part and not (whole and entry.name.endswith(".bin")):
                self._file(entry, base, purpose, names)

    def _go_down(self, folder: Path, base: Path, purpose: str, depth: int) -> None:
        own = purpose_of(folder.name) if depth == 0 and purpose == ANYTHING else ANYTHING
        self.look(folder, folder if own else base, own or purpose, depth + 1)

    def _file(self, entry: os.DirEntry[str], base: Path, purpose: str, names: set[str]) -> None:
        stem, suffix = os.path.splitext(entry.name)
        wanted = SAFE_SUFFIXES
        if purpose in LOOKED_INTO:
            wanted |= PICKLE_SUFFIXES
        if suffix.lower() not in wanted or stem.endswith(".safetensors.index"):
            return
        path = Path(entry.path)
        linked = entry.is_symlink()
        realm = realm_of(entry.path if linked else path.parent, self._realms)
        if realm is None:
            self._refuse(path, base, purpose)
            return
        try:
            status = entry.stat()
        except OSError:  # a link to nothing, or removed in this moment
            return
        name = _name(path, base)
        self.found.append(
            Candidate(
                path,
                "file",
                name,
                base,
                purpose,
                realm,
                stamp_of(status),
                status.st_size,
                _sidecars(path, names),
                _refusal_of_name(name, base),
            )
        )

    def _add_folder(
        self, form: Literal["folder", "part"], folder: Path, base: Path, purpose: str, realm: Realm
    ) -> None:
        stamp, size, links = _contents(folder)
        outside = next((link for link in links if realm_of(link, self._realms) is None), None)
        if outside is not None:
            self._refuse(folder, base, purpose, outside)
            return
        name = folder.relative_to(base).as_posix()
        refusal = _refusal_of_name(name, base)
        self.found.append(
            Candidate(folder, form, name, base, purpose, realm, stamp, size, refusal=refusal)
        )

    def _refuse(self, path: Path, base: Path, purpose: str, link: str = "") -> None:
        folder = ", ".join(str(realm.path) for realm in self._realms)
        refusal = Message("error.model_link", {"file": link or str(path), "folder": folder})
        name = _name(path, base)
        refusal = _refusal_of_name(name, base) or refusal
        self.found.append(Candidate(path, "file", name, base, purpose, None, refusal=refusal))


def _name(path: Path, base: Path) -> str:
    name = path.relative_to(base)
    known = path.suffix.lower() in SAFE_SUFFIXES | PICKLE_SUFFIXES
    return (name.with_suffix("") if known else name).as_posix()


def stamp_of(status: os.stat_result) -> str:
    """What changes when a file does."""
    return f"{status.st_size}-{status.st_mtime_ns}"


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted((e for e in found if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_part(name: str) -> bool:
    return name.startswith(PART_STEMS) and name.endswith(
        (".safetensors", ".safetensors.index.json")
    )


def _sidecars(path: Path, names: set[str]) -> tuple[tuple[Path, str], ...]:
    beside = [path.with_suffix(suffix) for suffix in SIDECARS]
    found = []
    for file in beside:
        if file.name in names:
            try:
                found.append((file, stamp_of(file.stat())))
            except OSError:
                continue
    return tuple(found)


def _contents(folder: Path) -> tuple[str, int, list[str]]:
    """A digest of names, sizes and times in a model's folder; bytes of its weights; its links."""
    digest = hashlib.blake2b(digest_size=16)
    size = 0
    links: list[str] = []
    for entry in _entries(folder):
        inside = _entries(Path(entry.path)) if _is_folder(entry) else []
        links += [found.path for found in (entry, *inside) if found.is_symlink()]
        for file in inside or [entry]:
            try:
                status = file.stat()
            except OSError:
                continue
            digest.update(os.fsencode(f"{file.path}\0{stamp_of(status)}\0"))
            if file.name.endswith(".safetensors"):
                size += status.st_size
    return digest.hexdigest(), size, links


def _refusal_of_name(name: str, folder: Path) -> Message | None:
    """A name that cannot be written into an infotext is told without being repeated as it is."""
    if not any(category(character) in UNSEEN for character in name):
        return None
    return Message("error.model_name", {"file": legible(name), "folder": str(folder)})


def legible(name: str) -> str:
    """A name with codes for what cannot be shown, or stored as UTF-8."""
    unseen = (character for character in name if category(character) in UNSEEN)
    for character in set(unseen):
        name = name.replace(character, character.encode("unicode_escape").decode("ascii"))
    return name
