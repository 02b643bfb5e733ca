"""From what a person or a client sent to a `GenerationRequest`, or to a message per field."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as of_dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from webui.core.catalogue import AUTOMATIC, BUILTIN, Catalogue
from webui.core.errors import InvalidRequest, Message
from webui.core.hires_size import hires_problems
from webui.core.parameters import Parameter
from webui.core.picture_rules import picture_problems
from webui.core.request import (
    FIXED_CHOICES,
    PARAMETERS,
    RANDOM_SEED,
    SAME,
    GenerationRequest,
)
from webui.core.tile_grid import tile_problems

TITLE = re.compile(r"(.*\S)\s*\[([0-9a-fA-F]{8,64})\]")

HASH_DIGITS = 10

SHOWN_CHARACTERS = 60
"""How much of a faulty value a message repeats: enough to recognise it."""


@dataclass(frozen=True)
class Names:
    """The names that a request may use here and now; the first checkpoint is the default.

    `upscalers`: models that enlarge pictures, beside the upscalers of the catalogue.
    `aliases`: by the menu that offers the names, other names in lower case, and which is meant.
    `refused`: why models that are there cannot be used.
    """

    catalogue: Catalogue = BUILTIN
    checkpoints: tuple[str, ...] = ()
    vaes: tuple[str, ...] = ()
    aliases: Mapping[str, Mapping[str, str]] = of_dataclass(default_factory=dict)
    refused: Mapping[str, Message] = of_dataclass(default_factory=dict)
    upscalers: tuple[str, ...] = ()

    def known(self, source: str, written: str) -> str | None:
        """The offered name that is meant, also by another name, as "a/b.safetensors [hash]".

        A name in front of a hash counts before the hash.
        """
        if written in self.offered(source):
            return written
        others = self.aliases.get(source, {})
        titled = TITLE.fullmatch(written)
        tries = (written, titled[1], titled[2][:HASH_DIGITS]) if titled else (written,)
        slashed = (text.replace("\\", "/").casefold() for text in tries)
        return next((others[text] for text in slashed if text in others), None)

    def of_pictures(self) -> tuple[str, ...]:
        """The upscalers that take pictures, "None" first."""
        rows = self.catalogue.upscalers.values()
        return (*(spec.name for spec in rows if not spec.latent), *self.upscalers)

    def offered(self, source: str) -> tuple[str, ...]:
        """All values that a menu offers; `source` is the parameter's `choices`."""
        lists: Mapping[str, tuple[str, ...]] = {
            "samplers": tuple(self.catalogue.samplers),
            "schedules": (AUTOMATIC, *self.catalogue.schedules),
            "checkpoints": self.checkpoints,
            "vaes": (AUTOMATIC, *self.vaes),
            "upscalers": (*self.catalogue.upscalers, *self.upscalers),
            "picture_upscalers": self.of_pictures(),
        }
        return lists.get(source) or FIXED_CHOICES.get(source, ())


def draw_seed() -> int:
    """A random seed in the range that users know (32 bits), from the system's source."""
    return secrets.randbelow(2**32 - 2)


def complete(
    values: Mapping[str, Any], names: Names, *, draw: Callable[[], int] = draw_seed
) -> GenerationRequest:
    """Checks `values` (request fields, all optional) and resolves what must not stay open.

    A seed of -1, None or "" is drawn; combined sampler names ("DPM++ 2M Karras") are split; an
    empty checkpoint becomes the first one. Unknown keys are refused.

    Raises:
        InvalidRequest: with one problem per faulty field; nothing was changed.
    """
    filled = dict(values)
    # Without a strength the variation's seed takes no part in the picture: none is made up.
    varied = values.get("variation_strength") not in (None, "", 0)
    for field, drawn in (("seed", True), ("variation_seed", varied)):
        if filled.get(field, RANDOM_SEED) in (RANDOM_SEED, None, "", str(RANDOM_SEED)):
            filled[field] = draw() if drawn else 0
    if not filled.get("checkpoint") and names.checkpoints:
        filled["checkpoint"] = names.checkpoints[0]
    problems: list[Message] = []
    request = None
    try:
        request = GenerationRequest(**filled)
    except ValidationError as error:
        problems += [problem_of(detail) for detail in error.errors(include_url=False)]
    resolved, name_problems = _resolve_names(filled, names)
    faulty = {problem.field for problem in problems}
    problems += [problem for problem in name_problems if problem.field not in faulty]
    if request is not None:
        problems += hires_problems(request)
        problems += picture_problems(request)
        problems += tile_problems(request)
        problems += _sigma_problems(request)
    if problems or request is None:
        raise InvalidRequest(*problems)
    return request.model_copy(update=resolved)


def _sigma_problems(request: GenerationRequest) -> list[Message]:
    """What is wrong with the limits of the schedule, as far as it can be told without a model."""
    low, high = request.sigma_min, request.sigma_max
    if not high or low < high:
        return []
    return [Message("error.sigma_limits", {"low": low, "high": high}, "sigma_min")]


def _resolve_names(values: Mapping[str, Any], names: Names) -> tuple[dict[str, str], list[Message]]:
    """Display names for what was written, and a problem for each that nobody knows."""
    given = {
        name: str(values.get(name, parameter.default))
        for name, parameter in PARAMETERS.items()
        if parameter.choices and parameter.choices not in FIXED_CHOICES
    }
    for sampler, schedule in (("sampler", "schedule"), ("hires_sampler", "hires_schedule")):
        split = names.catalogue.split(given[sampler], given[schedule] or AUTOMATIC)
        named = given[schedule] or split[1] != AUTOMATIC
        given[sampler], given[schedule] = split[0], split[1] if named else SAME
    resolved: dict[str, str] = {}
    problems: list[Message] = []
    for field, value in given.items():
        source = PARAMETERS[field].choices or ""
        known = names.known(source, value)
        if known is not None or (value == SAME and PARAMETERS[field].may_be_empty):
            resolved[field] = value if known is None else known
        else:
            problems.append(_unknown(field, value, names))
    return resolved, problems


def _unknown(field: str, value: str, names: Names) -> Message:
    source = PARAMETERS[field].choices or ""
    if source in names.aliases and value in names.refused:
        why = names.refused[value]
        return Message(why.key, why.values, field)
    known = names.offered(source)
    near = get_close_matches(value[:SHOWN_CHARACTERS], list(known), n=1, cutoff=0.4)
    hint = near[0] if near else next(iter(known), "")
    key = "error.unknown_name" if hint else "error.no_models"
    return Message(key, {"got": shorten(value), "near": hint}, field)


def problem_of(detail: ErrorDetails) -> Message:
    """Turns one of pydantic's error rows into a message that names rule and value."""
    field = str(detail["loc"][0]) if detail["loc"] else None
    kind, got = detail["type"], detail.get("input")
    context: Mapping[str, Any] = detail.get("ctx") or {}
    parameter = PARAMETERS.get(field or "")
    if kind in ("nul", "surrogate", "depth", "parts"):
        return Message(f"error.{kind}", dict(context), field)
    if kind == "string_too_long":
        length = len(got) if isinstance(got, str) else 0
        return Message("error.too_long", {"got": length, "high": context["max_length"]}, field)
    if kind == "extra_forbidden" or parameter is None:
        return Message("error.unknown_field", {"got": shorten(field or "")}, field)
    if kind == "multiple_of":
        return Message("error.multiple", {"got": got, "step": context["multiple_of"]}, field)
    if parameter.minimum is not None:
        return _number_problem(parameter, got)
    if parameter.choices and kind == "literal_error":
        return Message("error.choice", {"got": shorten(got), "choices": context["expected"]}, field)
    key = "error.flag" if parameter.kind == "flag" else "error.text"
    if kind == "string_pattern_mismatch":
        key = "error.color" if parameter.kind == "color" else "error.picture_name"
    return Message(key, {"got": shorten(got)}, field)


def _number_problem(parameter: Parameter, got: object) -> Message:
    low, high = parameter.minimum, parameter.maximum
    if parameter.name in ("seed", "variation_seed"):
        return Message("error.seed", {"got": shorten(got), "high": high}, parameter.name)
    if got in (None, ""):
        return Message("error.number_missing", {"low": low, "high": high}, parameter.name)
    key = "error.range_whole" if parameter.kind == "integer" else "error.range"
    return Message(key, {"got": shorten(got), "low": low, "high": high}, parameter.name)


def shorten(value: object) -> str:
    """The value as a message repeats it: one line, printable, of bounded length."""
    try:
        text = str(value)
    except ValueError:  # Python refuses to print integers of over 4,300 digits
        text = "…"
    text = "".join(c if c.isprintable() else "�" for c in text[: SHOWN_CHARACTERS + 1])
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
