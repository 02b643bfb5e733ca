"""Sorts what was found: what can be drawn with, what else there is, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from webui.core.catalogue import AUTOMATIC
from webui.core.errors import Message
from webui.core.events import FilesKind
from webui.core.model_files.recognition import (
    SUPPORTED_FAMILIES,
    SUPPORTED_PREDICTIONS,
    SUPPORTED_VARIANTS,
    Part,
    Recognition,
)
from webui.services.library.entries import Item, ModelEntry, VaeEntry
from webui.services.library.places import ANYTHING, CHECKPOINTS, OWN_FOLDERS, VAES
from webui.services.library.upscalers import UpscalerEntry, upscaler_entry
from webui.services.library.walk import Candidate

STARTER = "starter"
REFINER = "sdxl_refiner"
LONGEST_NAME = 500
"""Characters; requests take no longer ones."""

Verdict = Recognition | Message
"""What a file is, or why it cannot be told."""

MakeEntry = Callable[[Candidate, Recognition, str], ModelEntry]


@dataclass(frozen=True)
class Shelf:
    """The library at one moment. `checkpoints` and `vaes` are in the order of the menus.

    `upscalers`: models that enlarge. `items`: all other files. `refused`: why a name that one
    might ask for cannot be used.
    """

    checkpoints: Mapping[str, ModelEntry] = field(default_factory=dict)
    vaes: Mapping[str, VaeEntry] = field(default_factory=dict)
    upscalers: Mapping[str, UpscalerEntry] = field(default_factory=dict)
    items: tuple[Item, ...] = ()
    refused: Mapping[str, Message] = field(default_factory=dict)


def sort(judged: Collection[tuple[Candidate, Verdict]], make: MakeEntry) -> Shelf:
    """Puts everything where it belongs and gives it a name of its own."""
    checkpoints: dict[str, ModelEntry] = {}
    vaes: dict[str, VaeEntry] = {}
    upscalers: dict[str, UpscalerEntry] = {}
    items: list[Item] = []
    for candidate, verdict in sorted(judged, key=_precedence):
        upscaler = upscaler_entry(candidate, verdict, upscalers)
        problem = problem_of(candidate, verdict)
        if upscaler and (problem is None or upscaler.at_home):
            upscalers[upscaler.name] = upscaler
            continue
        kind = verdict.kind if isinstance(verdict, Recognition) else "unknown"
        families = verdict.families if isinstance(verdict, Recognition) else ()
        if problem is None and isinstance(verdict, Recognition):
            if kind in ("checkpoint", "unet") and candidate.form != "part":
                name = _name(candidate, checkpoints)
                checkpoints[name] = make(candidate, verdict, name)
                continue
            if kind == "vae":
                name = _name(candidate, {AUTOMATIC, *vaes})
                form: FilesKind = "file" if candidate.form == "file" else "folder"
                vaes[name] = VaeEntry(
                    name, candidate.path, form, families, candidate.size, candidate.stamp
                )
                continue
        items.append(Item(candidate.name, candidate.path, kind, families, candidate.size, problem))
    ordered = sorted(checkpoints.values(), key=_place_in_menu)
    refused = {item.name: item.problem for item in items if item.problem}
    return Shelf(
        {entry.name: entry for entry in ordered},
        {name: vaes[name] for name in sorted(vaes, key=str.casefold)},
        {name: upscalers[name] for name in sorted(upscalers, key=str.casefold)},
        tuple(items),
        {name: why for name, why in refused.items() if name not in checkpoints},
    )


def problem_of(candidate: Candidate, verdict: Verdict) -> Message | None:
    """Why it cannot be used, or where it belongs."""
    if candidate.refusal is not None:
        return candidate.refusal
    if isinstance(verdict, Message):
        return verdict
    if verdict.kind in ("checkpoint", "unet") and candidate.form != "part":
        return _problem_of_checkpoint(candidate, verdict)
    file = str(candidate.path)
    if verdict.kind == "vae":
        return None if verdict.supported else _of_other_family(file, verdict)
    belongs = OWN_FOLDERS.get(verdict.kind)
    here = candidate.purpose in (ANYTHING, CHECKPOINTS, VAES)
    if not here or candidate.form == "part" or candidate.purpose == belongs:
        return None
    if belongs is None:
        return Message("misplaced.unknown", {"file": file})
    return Message(f"misplaced.{verdict.kind}", {"file": file, "folder": f"models/{belongs}"})


def _problem_of_checkpoint(candidate: Candidate, found: Recognition) -> Message | None:
    file = str(candidate.path)
    folder = candidate.form == "folder"
    # A folder's own settings tell its family where the shapes are none of the usual ones.
    if not set(found.families) & SUPPORTED_FAMILIES and (found.families or not folder):
        return _of_other_family(file, found)
    if found.variant not in SUPPORTED_VARIANTS:
        return _unsupported(file, "variant", found.variant)
    if found.prediction and found.prediction.type not in SUPPORTED_PREDICTIONS:
        return _unsupported(file, "prediction_type", found.prediction.type)
    wanted: tuple[Part, ...] = ("text_encoder",)
    if found.family == "sdxl" and not folder:
        wanted = ("text_encoder", "text_encoder_2")
    missing = [part for part in wanted if part not in found.parts]
    return Message("library.no_text_encoder", {"file": file}) if missing else None


def _of_other_family(file: str, found: Recognition) -> Message:
    family = ", ".join(found.families) or "?"
    return Message("library.other_family", {"file": file, "family": family})


def _unsupported(file: str, setting: str, got: str) -> Message:
    return Message("error.model_unsupported", {"file": file, "setting": setting, "got": got})


def _name(candidate: Candidate, taken: Collection[str]) -> str:
    """The shortest name that says which it is."""
    suffixed = str(PurePosixPath(candidate.name).parent / candidate.path.name)
    within = f"{candidate.base.name}/{candidate.name}"
    tree = f"{candidate.base.parent.name}/{within}"
    for name in (candidate.name, suffixed, within, tree):
        if name not in taken and len(name) <= LONGEST_NAME:
            return name
    number = 2
    while f"{candidate.name[-LONGEST_NAME + 20 :]} ({number})" in taken:
        number += 1
    return f"{candidate.name[-LONGEST_NAME + 20 :]} ({number})"


def _precedence(judged: tuple[Candidate, Verdict]) -> tuple[bool, bool, str]:
    """Of two that want the same name, the one kept among checkpoints gets it, folders first."""
    candidate = judged[0]
    return candidate.purpose == ANYTHING, candidate.form == "file", str(candidate.path)


def _place_in_menu(entry: ModelEntry) -> tuple[int, str]:
    """What people added, then the starter model; a refiner is nothing to begin with."""
    rank = 1 if entry.name == STARTER else 2 if entry.family == REFINER else 0
    return rank, entry.name.casefold()
