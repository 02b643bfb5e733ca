"""What a text or a picture says, checked against what is here: ready to be put into a form."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from webui.core import infotext
from webui.core.errors import InvalidRequest, Message
from webui.core.request import PARAMETERS, RANDOM_SEED, GenerationRequest
from webui.core.validation import Names, complete, shorten
from webui.services.metadata import PictureMetadata, read_metadata, read_text

PREVIEW_CHARACTERS = 200
CHUNK_CHARACTERS = 20_000
NAME_CHARACTERS = 500
HASH_DIGITS = 10
MODEL_LISTS = ("checkpoints", "vaes")
SEEDS = ("seed", "variation_seed")

SOME_PICTURE = "0" * 64
"""Stands for a start picture that the form will have."""

_HASHED = re.compile(r"(.*?)\s*\[([0-9a-fA-F]{8,64})\]")
_SUFFIX = re.compile(r"\.(safetensors|ckpt|pt|pth|bin)$", re.IGNORECASE)


class Hashes(Protocol):
    """What is asked of the model library."""

    def hash_of(self, name: str) -> str | None:
        """Hash of a checkpoint, None while it is not known."""

    def vae_hash_of(self, name: str) -> str | None:
        """The same for a VAE."""


@dataclass(frozen=True)
class Reading:
    """What was said (`said`), and what of it can be used here.

    `values`: request fields, all of them valid together. `problems`: why the others are not
    among them, and what else a person should know.
    """

    said: PictureMetadata
    values: Mapping[str, Any]
    problems: tuple[Message, ...]

    def view(self, current: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """As JSON, in the form of docs/infotext.md; `current`: the form's values, for `changes`."""
        said = self.said
        return {
            "source": said.source,
            "exact": said.exact,
            "infotext": said.infotext,
            "values": dict(self.values),
            "assumed": [name for name in said.assumed if name in self.values],
            "changes": changes(self.values, current or {}),
            "unknown": [{"key": _clean(k), "value": _clean(v)} for k, v in said.unknown],
            "problems": [problem.to_json() for problem in self.problems],
            "preview": {n: _line(self.values.get(n)) for n in ("prompt", "negative_prompt")},
            "chunks": [
                {
                    "key": _clean(key),
                    "text": _clean(text[:CHUNK_CHARACTERS]),
                    "cut": len(text) > CHUNK_CHARACTERS,
                }
                for key, text in said.chunks
            ],
            "picture": {"format": said.format, "width": said.size[0], "height": said.size[1]}
            if said.format
            else None,
        }


def changes(values: Mapping[str, Any], current: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields that `values` would change in a form that shows `current`, in its order."""
    return [
        {"field": name, "from": current[name], "to": values[name]}
        for name in PARAMETERS
        if name in values and name in current and not _same(values[name], current[name])
    ]


class Reader:
    """Reads pasted texts and pictures. Thread-safe; one picture at a time, for memory's sake."""

    def __init__(self, names: Callable[[], Names], hashes: Hashes) -> None:
        self._names = names
        self._hashes = hashes
        self._one = threading.Lock()

    def text(self, text: str) -> Reading:
        """Reads a pasted text."""
        return self._checked(read_text(text))

    def picture(self, data: bytes) -> Reading:
        """Reads a picture file.

        Raises:
            InvalidRequest: it is no picture of a format that is read.
        """
        with self._one:
            said = read_metadata(data)
        if said is None:
            raise InvalidRequest(Message("error.not_a_picture"))
        return self._checked(said)

    def _checked(self, said: PictureMetadata) -> Reading:
        names = self._names()
        found = dict(said.values)
        problems = self._find_models(found, said.model_hash, names)
        values, refused = _usable(found, names)
        if values and not said.infotext:
            written = infotext.format(GenerationRequest(**{**values, **_no_random(values)}))
            said = replace(said, infotext=written)
        return Reading(said, values, (*problems, *refused))

    def _find_models(self, found: dict[str, Any], digest: str, names: Names) -> list[Message]:
        """Puts the names that models have here into `found`; says where a namesake differs."""
        if digest and not found.get("checkpoint"):
            match = _by_hash(digest, names.checkpoints, self._hashes.hash_of)
            if match:
                found["checkpoint"] = match
        for field, parameter in PARAMETERS.items():
            written = found.get(field)
            if parameter.choices not in MODEL_LISTS or not isinstance(written, str) or not written:
                continue
            hash_of = self._hashes.vae_hash_of if field == "vae" else self._hashes.hash_of
            offered = names.offered(parameter.choices)
            own = digest if field == "checkpoint" else ""
            written = written[:NAME_CHARACTERS]
            known = names.known(parameter.choices or "", written)
            found[field] = known or _known(written, own, offered, hash_of)
        name = found.get("checkpoint")
        here = self._hashes.hash_of(name) if digest and name in names.checkpoints else None
        if here and len(digest) >= HASH_DIGITS and not _same_hash(digest, here):
            values = {"got": shorten(name), "theirs": shorten(digest), "ours": here}
            return [Message("reading.hash_differs", values, "checkpoint")]
        return []


def _known(
    written: str, digest: str, offered: tuple[str, ...], hash_of: Callable[[str], str | None]
) -> str:
    """The name here for a name written elsewhere: "folder/name.safetensors [0123456789]"."""
    if written in offered:
        return written
    hashed = _HASHED.fullmatch(written)
    plain, digest = (hashed[1], hashed[2]) if hashed else (written, digest)
    stem = _SUFFIX.sub("", plain.replace("\\", "/").rpartition("/")[2]).casefold()
    for name in offered:
        if name.casefold() in (stem, plain.casefold()):
            return name
    return _by_hash(digest, offered, hash_of) or plain


def _by_hash(
    digest: str, offered: Iterable[str], hash_of: Callable[[str], str | None]
) -> str | None:
    if len(digest) < HASH_DIGITS:
        return None
    return next((name for name in offered if _same_hash(digest, hash_of(name))), None)


def _same_hash(digest: str, here: str | None) -> bool:
    return here is not None and digest[:HASH_DIGITS].casefold() == here[:HASH_DIGITS].casefold()


def _usable(found: Mapping[str, Any], names: Names) -> tuple[dict[str, Any], list[Message]]:
    """The values that are valid together, and a problem for each that is not."""
    left = {name: value for name, value in found.items() if name in PARAMETERS}
    random = {name for name in SEEDS if left.get(name) == RANDOM_SEED}
    # Without any checkpoint a text can be read all the same.
    lenient = names if names.checkpoints else replace(names, checkpoints=("",))
    problems: list[Message] = []
    for _ in range(len(PARAMETERS)):
        # No text holds the picture that was enlarged, but what was done with it.
        begun = {"init_image": SOME_PICTURE} if left.get("tile_upscale") else {}
        try:
            request = complete({**begun, **left}, lenient)
        except InvalidRequest as error:
            fields = {problem.field or "" for problem in error.problems}
            # A rule about several fields can name one that the text does not.
            out = fields & left.keys() or {"hires", "width", "height"} & left.keys()
            problems += [_told(problem) for problem in error.problems]
            if not out:
                break
            left = {name: value for name, value in left.items() if name not in out}
            continue
        values = {name: getattr(request, name) for name in left}
        return {n: RANDOM_SEED if n in random else v for n, v in values.items()}, problems
    return {}, problems


def _told(problem: Message) -> Message:
    """A name that is not here is no error of the person's: the message says what happens."""
    if problem.key not in ("error.unknown_name", "error.no_models"):
        return problem
    values = dict(problem.values)
    key = "reading.missing_near" if values.get("near") else "reading.missing"
    return Message(key, values, problem.field)


def _no_random(values: Mapping[str, Any]) -> dict[str, int]:
    return {name: 0 for name in SEEDS if values.get(name) == RANDOM_SEED}


def _same(one: Any, other: Any) -> bool:
    empty = ("", None)
    return bool(one == other) or str(one) == str(other) or (one in empty and other in empty)


def _line(text: Any) -> str:
    return " ".join(str(text or "").split())[:PREVIEW_CHARACTERS]


def _clean(text: str) -> str:
    return infotext.legible(text)
