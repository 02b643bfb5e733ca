"""The pictures of a folder on the server, for batches that an administrator begins."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from webui.core.errors import InkstoneError, InvalidRequest, Message, WrongKind
from webui.services.inputs.sniffing import HEAD, picture_format
from webui.services.inputs.store import InputStore
from webui.services.inputs.table import Input

MOST = 500
"""Pictures of one folder; more wait for the next batch."""

TOGETHER = 8
"""Pictures that one process decodes, so that uploads of others get their turn between."""


@dataclass(frozen=True)
class FolderPicture:
    """A picture of a folder: what it is now, its mask, or why it cannot be used."""

    name: str
    taken: Input | None = None
    mask: Input | None = None
    problem: Message | None = None


def folder_inputs(
    inputs: InputStore, owner: str, path: Path, masks: Path | None = None
) -> list[FolderPicture]:
    """Takes in the pictures of `path`, in the order of their names, with masks of the same stem.

    Files that are no pictures are left out, links that lead out of the folder are refused.

    Raises:
        InvalidRequest: it is no folder that can be read, or holds too many pictures.
        StorageError: the data folder cannot be written.
    """
    found = _listed(path, "path")
    covers = {file.stem: file for file, _ in _listed(masks, "masks")} if masks else {}
    usable = [file for file, problem in found if problem is None]
    wanted = [*usable, *(covers[file.stem] for file in usable if file.stem in covers)]
    taken = _taken(inputs, owner, wanted)
    rows = []
    for file, problem in found:
        row = _with(FolderPicture(file.name, problem=problem), taken.get(file))
        cover = taken.get(covers[file.stem]) if file.stem in covers else None
        if isinstance(cover, InkstoneError):
            row = replace(row, problem=row.problem or cover.message)
        rows.append(replace(row, mask=cover if isinstance(cover, Input) else None))
    return rows


def _with(row: FolderPicture, taken: Input | InkstoneError | None) -> FolderPicture:
    if isinstance(taken, InkstoneError):
        return replace(row, problem=taken.message)
    return replace(row, taken=taken)


def _taken(inputs: InputStore, owner: str, files: list[Path]) -> dict[Path, Input | InkstoneError]:
    done: dict[Path, Input | InkstoneError] = {}
    for start in range(0, len(files), TOGETHER):
        part = files[start : start + TOGETHER]
        done.update(zip(part, inputs.begin(owner, part).result(), strict=True))
    return done


def _listed(folder: Path, field: str) -> list[tuple[Path, Message | None]]:
    """The pictures, by content, and what is wrong with those that are links."""
    try:
        if not folder.is_absolute():
            raise NotADirectoryError
        root = folder.resolve(strict=True)
        files = sorted((entry for entry in root.iterdir() if entry.is_file()), key=_by_name)
        found = list(_pictures(files, root))
    except (OSError, RuntimeError, ValueError) as error:
        values = {"path": str(folder)[:200]}
        raise InvalidRequest(Message("error.input_folder", values, field)) from error
    if len(found) > MOST:
        values = {"got": str(len(found)), "high": str(MOST)}
        raise InvalidRequest(Message("error.input_folder_full", values, field))
    return found


def _pictures(files: Iterable[Path], root: Path) -> Iterable[tuple[Path, Message | None]]:
    for file in files:
        if not file.resolve().is_relative_to(root):
            yield file, Message("error.input_link", {"name": file.name})
            continue
        try:
            with file.open("rb") as opened:
                picture_format(opened.read(HEAD))
        except WrongKind:
            continue
        yield file, None


def _by_name(file: Path) -> tuple[tuple[int, str], ...]:
    """Orders "2.png" before "10.png"."""
    parts = re.split(r"(\d+)", file.name.casefold())
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)
