"""The files that `generate` writes: names that are free, checked before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path

from webui.core.errors import InvalidRequest, Message
from webui.services.formats import FORMATS, format_of

FORMAT = ".png"
"""Of files whose name nobody chose."""


def targets(
    output: Path | None, seed: int, pictures: int, starts: Sequence[Path] = ()
) -> list[Path]:
    """A file for each start picture, or one where there is none.

    output: a file, numbered where there are several start pictures, or a folder, in which files
    are named after the start pictures and never overwrite one. pictures: that each job makes.

    Raises:
        InvalidRequest: the suffix is no format's, the folder does not exist, or a start picture
            would be overwritten.
    """
    if output is not None and output.is_dir():
        return _inside(output, [start.stem for start in starts] or [f"inkstone-{seed}"], pictures)
    target = output or Path(f"inkstone-{seed}{FORMAT}")
    check_target(target)
    found = [numbered(target, index, len(starts)) for index in range(max(1, len(starts)))]
    begun = {start.resolve() for start in starts}
    for path in found:
        if begun & {numbered(path, index, pictures).resolve() for index in range(pictures)}:
            raise InvalidRequest(Message("error.output_start", {"path": str(path)}, "output"))
    return found


def numbered(target: Path, index: int, of: int) -> Path:
    """The target itself for a single file, else "-1", "-2" … before its suffix."""
    return target if of <= 1 else target.with_name(f"{target.stem}-{index + 1}{target.suffix}")


def check_target(target: Path) -> None:
    """Refuses, before anything is drawn, a target that could not be written.

    Raises:
        InvalidRequest: its suffix is no format's, or its folder does not exist.
    """
    if format_of(target.suffix) is None:
        offered = ", ".join(f".{name}" for name in FORMATS)
        values = {"got": target.name, "offered": offered}
        raise InvalidRequest(Message("error.output_format", values, "output"))
    if not target.parent.is_dir():
        raise InvalidRequest(
            Message("error.output_folder", {"folder": str(target.parent)}, "output")
        )


def _inside(folder: Path, stems: Iterable[str], pictures: int) -> list[Path]:
    taken: set[Path] = set()
    found = []
    for stem in stems:
        tries = (folder / f"{stem}{f'-{n}' if n else ''}{FORMAT}" for n in count())
        for path in tries:
            files = {numbered(path, index, pictures) for index in range(pictures)}
            if not files & taken and not any(file.exists() for file in files):
                break
        taken |= files
        found.append(path)
    return found
