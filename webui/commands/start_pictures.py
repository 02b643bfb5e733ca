"""The start pictures and masks of `generate`, read as the server reads uploads."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from webui.core.errors import InvalidRequest, Message
from webui.core.parameters import Parameter
from webui.core.picture_fields import GROWN
from webui.core.request import PARAMETERS
from webui.services.inputs.limits import InputLimits
from webui.services.inputs.normalising import Normaliser, Outcome, PlainPicture

STRENGTH = 0.75
"""Denoising strength with a start picture, where none is given; users know it."""

AREA = "Only masked"
TOGETHER = 8


@dataclass(frozen=True)
class Start:
    """What a job begins with: request fields, and by field the plain pictures that they name."""

    size: tuple[int, int]
    values: Mapping[str, str]
    files: Mapping[str, Path]


@contextmanager
def opened_starts(inits: Sequence[Path], masks: Sequence[Path]) -> Iterator[list[Start]]:
    """One for each start picture; `masks`: none, one for all of them, or one for each.

    The plain pictures are there until the body ends.

    Raises:
        InvalidRequest: a file cannot be used, with a problem for each, or the numbers differ.
    """
    if len(masks) not in (0, 1, len(inits)):
        values = {"masks": str(len(masks)), "pictures": str(len(inits))}
        raise InvalidRequest(Message("error.mask_count", values, "mask"))
    if masks and not inits:
        raise InvalidRequest(Message("error.mask_alone", {}, "mask"))
    named = [("init", path) for path in inits] + [("mask", path) for path in masks]
    with tempfile.TemporaryDirectory(prefix="inkstone-") as folder:
        read = _read(named, Path(folder)) if named else []
        covers = read[len(inits) :] * (len(inits) if len(masks) == 1 else 1)
        starts = []
        for index, (picture, file) in enumerate(read[: len(inits)]):
            values, files = {"init_image": picture.id}, {"init_image": file}
            if covers:
                values["mask"], files["mask"] = covers[index][0].id, covers[index][1]
            starts.append(Start((picture.width, picture.height), values, files))
        yield starts


@contextmanager
def opened_pictures(flag: str, files: Sequence[Path]) -> Iterator[list[tuple[PlainPicture, Path]]]:
    """The plain pictures that these files hold, in their order; there until the body ends.

    Raises:
        InvalidRequest: a file cannot be used, with a problem for each that names `flag`.
    """
    with tempfile.TemporaryDirectory(prefix="inkstone-") as folder:
        yield _read([(flag, path) for path in files], Path(folder))


def begun(start: Start, given: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were given (None: not), and what the start picture says for those that not.

    The picture is drawn in its own size, as near as the request allows. With "Only masked" the
    size is that of the painted part, and with SD upscale that of a tile, so it is the model's own
    unless it was given.
    """
    filled = dict(given)
    if filled.get("denoising_strength") is None:
        filled["denoising_strength"] = STRENGTH
    if filled.get("inpaint_area") != AREA and not filled.get("tile_upscale"):
        borders = [_pixels(filled.get(field)) for field in GROWN]
        width, height = fitting(start.size, (sum(borders[:2]), sum(borders[2:])))
        if filled.get("width") is None and filled.get("height") is None:
            filled["width"], filled["height"] = str(width), str(height)
        else:
            filled["width"] = filled.get("width") or str(width)
            filled["height"] = filled.get("height") or str(height)
    return {**filled, **start.values}


def fitting(size: tuple[int, int], borders: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    """The size to draw in: that of a picture with what is added to it, in steps of the request.

    A picture beyond the limits is drawn smaller or larger, in its own proportions where they allow.
    """
    limits = [_limits(PARAMETERS[field]) for field in ("width", "height")]
    room = [high - border for (_, high, _), border in zip(limits, borders, strict=True)]
    factor = min(1.0, *(most / side for most, side in zip(room, size, strict=True)))
    factor = max(factor, *(low / side for (low, _, _), side in zip(limits, size, strict=True)))
    drawn = [
        min(high, max(low, step * round(side * factor / step) + border))
        for side, border, (low, high, step) in zip(size, borders, limits, strict=True)
    ]
    return drawn[0], drawn[1]


def _limits(row: Parameter) -> tuple[int, int, int]:
    return int(row.minimum or 1), int(row.maximum or 1), int(row.multiple or 1)


def _pixels(text: object) -> int:
    """Of a border; what is no number is told when the request is checked."""
    return int(str(text)) if str(text).isdecimal() else 0


def _read(files: Sequence[tuple[str, Path]], folder: Path) -> list[tuple[PlainPicture, Path]]:
    """The plain pictures, written into `folder`; `files` by the flag that gave them."""
    normaliser = Normaliser(InputLimits())
    work = [(path.absolute(), folder / f"{index}.png") for index, (_, path) in enumerate(files)]
    outcomes: list[Outcome] = []
    for first in range(0, len(work), TOGETHER):
        outcomes += normaliser.run(work[first : first + TOGETHER])
    found, problems = [], []
    for (flag, path), (_, target), outcome in zip(files, work, outcomes, strict=True):
        if isinstance(outcome, PlainPicture):
            found.append((outcome, target))
        else:
            problems.append(replace(outcome.message, field=f"{flag} {path.name}"))
    if problems:
        raise InvalidRequest(*problems)
    return found
