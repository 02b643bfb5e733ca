"""A request to txt2img or img2img as fields of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from webui.core.catalogue import BUILTIN, Catalogue
from webui.core.errors import InvalidRequest, Message
from webui.core.picture_fields import GROWN
from webui.core.request import FIXED_CHOICES, PARAMETERS, SAME
from webui.core.validation import shorten
from webui.services.compat import options as settings
from webui.services.compat.grids import Grid
from webui.services.compat.rows import DEFAULTS, SAMPLER_INDEX, Kind, Row, plain_default, rows
from webui.services.compat.scripts import always_on, chosen
from webui.services.compat.starts import check_number

RESIZED = ("seed_resize_width", "seed_resize_height")
OFF = -1
"""What stands for 0 in the fields above."""

OTHERWISE: Mapping[str, str] = MappingProxyType(
    {"sampler": "sampler_index", "mask_blur": "mask_blur_x"}
)
"""Entries that say the same as a field's own."""

PICTURES: Mapping[str, str] = MappingProxyType(
    {"init_image": "init_images", "mask": "mask", "first_pass": "firstpass_image"}
)
"""The entry by the field that is to name its picture."""

BLURS, BLURRED = ("mask_blur_x", "mask_blur_y"), ("mask_blur", "mask_blur_y")
"""Entries and fields of a mask's blur over its width and over its height."""

BLUR = 4

FLAGS: Mapping[object, bool] = {True: True, False: False, "true": True, "false": False}


@dataclass(frozen=True)
class Wanted:
    """What a client asks for.

    `values`: request fields, `styles` among them, to be checked by `complete`. `starts`: the
    encoded pictures to begin with, `pictures`: other ones by the field that is to name them.
    `keep`: whether what is drawn goes into the history; then `grid` may come with it. `lasting`:
    settings to remember for the requests to come. `ignored`: settings that mean nothing here.
    `echo`: the request as the answer repeats it.
    """

    kind: Kind
    values: Mapping[str, Any]
    starts: tuple[str, ...] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)
    grid: Grid | None = None
    keep: bool = False
    send: bool = True
    task: str = ""
    lasting: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    echo: Mapping[str, Any] = field(default_factory=dict)


def read(
    body: Mapping[str, Any],
    kind: Kind,
    *,
    own: Mapping[str, Any],
    said: Mapping[str, Any],
    upscalers: Sequence[str] = (),
    catalogue: Catalogue = BUILTIN,
) -> Wanted:
    """Translates a request.

    `own`: settings of its owner. `said`: request fields that its infotext gives, to be used where
    it says nothing itself. What it says wins over its override_settings, and these over both.
    `upscalers`: those that take pictures, which scripts may name by their numbers.

    Raises:
        InvalidRequest: an entry is of the wrong form; ranges and names are not checked here.
        NotYet: it asks for what this program cannot do.
    """
    table = rows(kind)
    script = chosen(body.get("script_name"), body.get("script_args"), kind, upscalers)
    override = _table(body, "override_settings")
    in_force = {**own, **override}
    values = _defaults(table)
    values |= settings.values_of(own)
    values |= {
        name: value
        for name, value in said.items()
        if name in _fields(table) and not _named(name, body)
    }
    values |= settings.values_of(override)
    values |= _given(body, table)
    if kind == "img2img" and body.get("mask_blur") is None:
        values |= _blurs(body, said)
    values |= {**always_on(body.get("alwayson_scripts"), kind), **script}
    if any(values.get(name) for name in GROWN) and "inpaint_full_res" not in body:
        values["inpaint_area"] = "Whole picture"
    values["styles"] = body.get("styles") or []
    _old_hires(body, values)
    _unsupported(body)
    sampler = values.get("sampler")
    if values.get("eta") is None and isinstance(sampler, str):
        values["eta"] = settings.eta_of(in_force, catalogue.split(sampler)[0], catalogue)
    settings.grid_of(override, "override_settings.")
    lasting = not flag(body, "override_settings_restore_afterwards", default=True)
    keep = flag(body, "save_images", default=False)
    return Wanted(
        kind,
        {name: value for name, value in values.items() if value is not None},
        starts=_starts(body) if kind == "img2img" else (),
        pictures=_pictures(body, kind, values),
        grid=settings.grid_of(in_force) if keep else None,
        keep=keep,
        send=flag(body, "send_images", default=True),
        task=_text(body, "force_task_id"),
        lasting={key: override[key] for key in override if settings.known(key) and lasting},
        ignored=tuple(shorten(key) for key in override if not settings.known(key)),
        echo=_echo(body, table, kind),
    )


def entry_of(name: str, body: Mapping[str, Any]) -> str:
    """Where a client finds what it said about this field, for a message about it."""
    parameter = PARAMETERS.get(name)
    rest = parameter.rest if parameter else name
    if name in PICTURES:
        return PICTURES[name]
    if rest in body or parameter is None:
        return rest
    if parameter.group == "tiles" and body.get("script_name"):
        return "script_args"
    if OTHERWISE.get(name) in body:
        return OTHERWISE[name]
    key = settings.KEYS.get(name)
    override = body.get("override_settings")
    if key is not None and isinstance(override, Mapping) and key in override:
        return f"override_settings.{key}"
    return rest if rest in DEFAULTS or key is None else key


def flag(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """A switch of the request; null is its default.

    Raises:
        InvalidRequest: it is neither on nor off.
    """
    given = body.get(name)
    if given is None:
        return default
    if not isinstance(given, (bool, int, str)) or given not in FLAGS:
        raise InvalidRequest(Message("error.flag", {"got": shorten(given)}, name))
    return FLAGS[given]


def _fields(table: Mapping[str, Row]) -> set[str]:
    return {row.field for row in table.values() if row.field}


def _defaults(table: Mapping[str, Row]) -> dict[str, Any]:
    own = {
        row.field: row.default for row in table.values() if row.field and row.default is not None
    }
    converted = {name: _value(name, default) for name, default in own.items()}
    return {**converted, "sampler": SAMPLER_INDEX}


def _named(name: str, body: Mapping[str, Any]) -> bool:
    """Whether the request itself says something about this field."""
    return PARAMETERS[name].rest in body or (name == "sampler" and "sampler_index" in body)


def _given(body: Mapping[str, Any], table: Mapping[str, Row]) -> dict[str, Any]:
    given = {
        row.field: _value(row.field, body[row.name])
        for row in table.values()
        if row.field and body.get(row.name) is not None
    }
    if "sampler" not in given and body.get("sampler_index") is not None:
        given["sampler"] = body["sampler_index"]
    return given


def _value(name: str, given: Any) -> Any:
    """An entry as our field has it: numbers of menus become names, other words for 0 and SAME."""
    parameter = PARAMETERS[name]
    menu = parameter.choices or ""
    if menu in FIXED_CHOICES and not isinstance(given, str):
        offered = FIXED_CHOICES[menu]
        whole = isinstance(given, (int, float)) and given == int(given)
        return offered[int(given)] if whole and 0 <= given < len(offered) else given
    if name in RESIZED and given == OFF:
        return 0
    if parameter.may_be_empty and isinstance(given, str):
        word = given.casefold()
        refiner = name == "refiner_checkpoint" and word == "none"
        return SAME if refiner or word.startswith("use same ") else given
    return settings.values_of({"sd_vae": given})["vae"] if name == "vae" else given


def _blurs(body: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The blurs of the mask, each direction's own, of a request that names none for both."""
    sides = [body.get(name) for name in BLURS]
    if sides == [None, None]:
        return {"mask_blur": BLUR, **{name: said[name] for name in BLURRED if name in said}}
    across, down = (BLUR if side is None else side for side in sides)
    return {"mask_blur": across, "mask_blur_y": None if across == down else down}


def _old_hires(body: Mapping[str, Any], values: dict[str, Any]) -> None:
    """An old way to say it: the first pass's own size, while width and height are the target."""
    first = [body.get(name) or 0 for name in ("firstphase_width", "firstphase_height")]
    if any(first):
        values["hires_width"], values["hires_height"] = values["width"], values["height"]
        values["width"], values["height"] = first


def _unsupported(body: Mapping[str, Any]) -> None:
    """Refuses what would silently give another picture than the client means."""
    asked = [
        name
        for name, wanted in (
            ("restore_faces", flag(body, "restore_faces", default=False)),
            ("latent_mask", body.get("latent_mask") is not None),
        )
        if wanted
    ]
    if asked:
        raise InvalidRequest(
            *(Message("error.api_unsupported", {"name": name}, name) for name in asked)
        )


def _pictures(body: Mapping[str, Any], kind: Kind, values: Mapping[str, Any]) -> dict[str, str]:
    """The encoded pictures by field; whether they are needed, the caller knows."""
    found: dict[str, Any] = {}
    if kind == "img2img":
        found["mask"] = body.get("mask")
    elif values.get("hires") in (True, 1, "true"):
        found["first_pass"] = body.get("firstpass_image")
    return {name: text for name, text in found.items() if text not in (None, "")}


def _starts(body: Mapping[str, Any]) -> tuple[Any, ...]:
    """The encoded start pictures; none where all entries are empty."""
    images = body.get("init_images")
    if images is not None and not isinstance(images, list):
        raise InvalidRequest(Message("error.api_list", {"got": shorten(images)}, "init_images"))
    starts = tuple(images or ())
    check_number(starts)
    return starts if any(text not in (None, "") for text in starts) else ()


def _table(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    given = body.get(name)
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidRequest(Message("error.api_table", {"got": shorten(given)}, name))
    return dict(given)


def _text(body: Mapping[str, Any], name: str) -> str:
    given = body.get(name)
    if given is not None and not isinstance(given, str):
        raise InvalidRequest(Message("error.text", {"got": shorten(given)}, name))
    return given or ""


def _echo(body: Mapping[str, Any], table: Mapping[str, Row], kind: Kind) -> dict[str, Any]:
    """The request with its defaults, and without its pictures unless it asks for them."""
    echo = {row.name: body.get(row.name, plain_default(row)) for row in table.values()}
    whole = kind == "img2img" and flag(body, "include_init_images", default=False)
    pictures = dict.fromkeys(() if whole else PICTURES.values())
    return {**echo, **{name: None for name in pictures if name in echo}}
