"""Scripts by the names that clients call them, as far as they stand for fields of the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from webui.core.errors import InvalidRequest, Message, NotYet
from webui.core.request import SAME
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

NOT_YET = frozenset(
    {
        *("x/y/z plot", "prompt matrix", "prompts from file or textbox", "loopback"),
        *("sd upscale", "outpainting mk2", "poor man's outpainting"),
        *("img2img alternative test", "custom code"),
    }
)
"""Scripts that clients know and that do not exist here."""


def check_script(name: object, args: object) -> None:
    """Refuses a script that was chosen, as there are none yet.

    Raises:
        NotYet: it is one of the well-known ones.
        InvalidRequest: it is unknown, or the entries are of the wrong form.
    """
    if name is not None and not isinstance(name, str):
        raise InvalidRequest(Message("error.text", {"got": shorten(name)}, "script_name"))
    if args is not None and not isinstance(args, (list, tuple)):
        raise InvalidRequest(Message("error.api_list", {"got": shorten(args)}, "script_args"))
    if not name or name.strip().casefold() in ("", "none"):
        return
    if name.strip().casefold() in NOT_YET:
        raise NotYet("error.api_no_script_yet", field="script_name", name=shorten(name))
    raise InvalidRequest(Message("error.api_script", {"got": shorten(name)}, "script_name"))


def always_on(scripts: object, kind: Kind) -> dict[str, Any]:
    """The request fields that arguments of always-on scripts stand for.

    A script without arguments says nothing, so that an unknown one does no harm either.

    Raises:
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
    script = ALWAYS_ON.get(title.strip().casefold())
    if script is None or kind not in script.kinds:
        raise InvalidRequest(Message("error.api_script", {"got": shorten(title)}, FIELD))
    if len(args) > len(script.args):
        values = {"name": shorten(title), "got": len(args), "high": len(script.args)}
        raise InvalidRequest(Message("error.api_script_args", values, FIELD))
    given = dict(zip(script.args, args, strict=False))
    off = not given.pop("", False)
    if off and title.strip().casefold() == "refiner":
        return {"refiner_checkpoint": SAME}
    left = script.switched if off else ()
    return {
        field: value for field, value in given.items() if field not in left and value is not None
    }
