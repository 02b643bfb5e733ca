"""Scripts by the names that clients call them, as far as they stand for fields of the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from webui.core.errors import InvalidRequest, Message, NotYet
from webui.core.request import SAME
from webui.core.specs import NOT_ENLARGED
from webui.core.validation import shorten
from webui.services.compat.rows import Kind

FIELD = "alwayson_scripts"


@dataclass(frozen=True)
class AlwaysOn:
    """A script that is part of every request.

    `args`: the request field behind each argument; "" for a switch that is none, but on which
    the fields of `switched` depend: without it they are left as they are.
    """

    args: tuple[str, ...] = ()
    switched: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ("txt2img", "img2img")


VARIED = ("variation_seed", "variation_strength", "seed_resize_width", "seed_resize_height")
SOFT = (
    *("soft_inpainting", "soft_schedule_bias", "soft_preservation", "soft_contrast"),
    *("soft_mask_influence", "soft_difference_threshold", "soft_difference_contrast"),
)

ALWAYS_ON: Mapping[str, AlwaysOn] = MappingProxyType(
    {
        "comments": AlwaysOn(),
        "refiner": AlwaysOn(
            ("", "refiner_checkpoint", "refiner_switch_at"),
            ("refiner_checkpoint", "refiner_switch_at"),
        ),
        "sampler": AlwaysOn(("steps", "sampler", "schedule")),
        "seed": AlwaysOn(
            ("seed", "", *VARIED),
            VARIED,
        ),
        "soft inpainting": AlwaysOn(
            SOFT,
            kinds=("img2img",),
        ),
    }
)


@dataclass(frozen=True)
class Selectable:
    """A script that is chosen for a request.

    `switch`: the field that it turns on. `args`: the request field behind each argument, "" for
    one that says nothing, with what it is when it is left out.
    """

    switch: str
    args: Mapping[str, Any]
    kinds: tuple[Kind, ...]


SELECTABLE: Mapping[str, Selectable] = MappingProxyType(
    {
        "sd upscale": Selectable(
            "tile_upscale",
            MappingProxyType(
                {"": "", "tile_overlap": 64, "tile_upscaler": NOT_ENLARGED, "tile_scale": 2.0}
            ),
            ("img2img",),
        ),
    }
)

NOT_YET = frozenset(
    {
        *("x/y/z plot", "prompt matrix", "prompts from file or textbox", "loopback"),
        *("outpainting mk2", "poor man's outpainting"),
        *("img2img alternative test", "custom code"),
    }
)
"""Scripts that clients know and that do not exist here."""

ALWAYS_ON_NOT_YET = frozenset(
    {
        *("controlnet", "adetailer", "animatediff", "dynamic prompts", "regional prompter"),
        *("tiled diffusion", "tiled vae", "self attention guidance", "reactor", "roop"),
        *("hypertile", "extra options"),
    }
)
"""The same of those that are part of every request."""


def chosen(name: object, args: object, kind: Kind, upscalers: Sequence[str]) -> dict[str, Any]:
    """The request fields that a chosen script and its arguments stand for; none without one.

    `upscalers`: those that take pictures, in the order in which clients know them by number.

    Raises:
        NotYet: it is one of the well-known ones that do not exist here.
        InvalidRequest: it is unknown, has too many arguments, or is of the wrong form.
    """
    if name is not None and not isinstance(name, str):
        raise InvalidRequest(Message("error.text", {"got": shorten(name)}, "script_name"))
    if args is not None and not isinstance(args, (list, tuple)):
        raise InvalidRequest(Message("error.api_list", {"got": shorten(args)}, "script_args"))
    title = (name or "none").strip().casefold()
    if title in ("", "none"):
        return {}
    if title in NOT_YET:
        raise NotYet("error.api_no_script_yet", field="script_name", name=shorten(name))
    script = SELECTABLE.get(title)
    if script is None or kind not in script.kinds:
        raise InvalidRequest(Message("error.api_script", {"got": shorten(name)}, "script_name"))
    given = _by_field(str(name), args or (), tuple(script.args), "script_args")
    values = {**script.args, **given, script.switch: True}
    values.pop("", None)
    if "tile_upscaler" in values:
        values["tile_upscaler"] = _upscaler(values["tile_upscaler"], upscalers)
    return values


def _upscaler(given: object, upscalers: Sequence[str]) -> object:
    """The name of an upscaler that is given by its number, or as it was given."""
    if isinstance(given, bool) or not isinstance(given, (int, float)) or given != given // 1:
        return given
    if not 0 <= given < len(upscalers):
        values = {"got": shorten(given), "low": 0, "high": len(upscalers) - 1}
        raise InvalidRequest(Message("error.range_whole", values, "script_args"))
    return upscalers[int(given)]


def _by_field(
    title: str, args: Sequence[Any], fields: tuple[str, ...], entry: str
) -> dict[str, Any]:
    """The arguments that are given, by the field behind each."""
    if len(args) > len(fields):
        values = {"name": shorten(title), "got": len(args), "high": len(fields)}
        raise InvalidRequest(Message("error.api_script_args", values, entry))
    return {name: value for name, value in zip(fields, args, strict=False) if value is not None}


def always_on(scripts: object, kind: Kind) -> dict[str, Any]:
    """The request fields that arguments of always-on scripts stand for.

    A script without arguments says nothing, and one that is here not known and switched off does
    no harm either.

    Raises:
        NotYet: a script is one of the well-known ones.
        InvalidRequest: a script is unknown, has too many arguments, or is of the wrong form.
    """
    if scripts is None:
        return {}
    if not isinstance(scripts, Mapping):
        raise InvalidRequest(Message("error.api_table", {"got": shorten(scripts)}, FIELD))
    values: dict[str, Any] = {}
    for title, given in scripts.items():
        args = given.get("args") if isinstance(given, Mapping) else given
        if args is None or args in ([], (), {}):
            continue
        if not isinstance(args, (list, tuple)):
            raise InvalidRequest(Message("error.api_list", {"got": shorten(args)}, FIELD))
        values |= _of_script(str(title), args, kind)
    return values


def _of_script(title: str, args: Sequence[Any], kind: Kind) -> dict[str, Any]:
    name = title.strip().casefold()
    script = ALWAYS_ON.get(name)
    if script is None and _switched_off(args):
        return {}
    if name in ALWAYS_ON_NOT_YET:
        raise NotYet("error.api_no_script_yet", field=FIELD, name=shorten(title))
    if script is None or kind not in script.kinds:
        raise InvalidRequest(Message("error.api_script", {"got": shorten(title)}, FIELD))
    given = _by_field(title, args, script.args, FIELD)
    off = not given.pop("", False)
    if off and name == "refiner":
        return {"refiner_checkpoint": SAME}
    left = script.switched if off else ()
    return {field: value for field, value in given.items() if field not in left}


def _switched_off(args: Sequence[Any]) -> bool:
    """Whether arguments of a script that nobody knows here say that it is to do nothing.

    That is how clients send them as a matter of course: a switch first, or units that are off.
    """
    return args[0] is False or all(
        not arg or (isinstance(arg, Mapping) and arg.get("enabled") is False) for arg in args
    )
