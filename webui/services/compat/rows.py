"""The entries of a request to txt2img or img2img: from the table of parameters, and a few more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from webui.core.parameters import Parameter
from webui.core.picture_fields import PICTURE_CHOICES, PICTURES
from webui.core.request import FIXED_CHOICES, PARAMETERS

Kind = Literal["txt2img", "img2img"]

DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "prompt": "",
        "negative_prompt": "",
        "seed": -1,
        "subseed": -1,
        "subseed_strength": 0,
        "seed_resize_from_h": -1,
        "seed_resize_from_w": -1,
        "batch_size": 1,
        "n_iter": 1,
        "steps": 50,
        "cfg_scale": 7.0,
        "width": 512,
        "height": 512,
        "enable_hr": False,
        "hr_scale": 2.0,
        "hr_second_pass_steps": 0,
        "hr_resize_x": 0,
        "hr_resize_y": 0,
        "hr_prompt": "",
        "hr_negative_prompt": "",
    }
)
"""What an entry is when it is left out; null for all others, which means the owner's setting."""

IMG2IMG_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "denoising_strength": 0.75,
        "resize_mode": 0,
        "inpainting_fill": 0,
        "inpaint_full_res": True,
        "inpaint_full_res_padding": 0,
        "inpainting_mask_invert": 0,
        "mask_round": True,
    }
)
"""Of these several differ from the form's, as clients know it."""

SAMPLER_INDEX = "Euler"
"""The sampler of a request that names none."""

_TYPES: Mapping[str, str] = MappingProxyType(
    {"integer": "integer", "number": "number", "flag": "boolean"}
)
_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_NUMBER = {"type": "integer"}
_TABLE = {"type": "object"}
_PICTURE = {"type": "string", "description": "base64, also as a data URI"}


@dataclass(frozen=True)
class Row:
    """An entry: its JSON schema, its default, and the request field behind it if there is one."""

    name: str
    schema: Mapping[str, Any]
    default: Any = None
    field: str | None = None


def _list_of(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


COMMON_ROWS = (
    Row("styles", _list_of(_TEXT)),
    Row("sampler_index", _TEXT, SAMPLER_INDEX),
    Row("restore_faces", _FLAG),
    Row("do_not_save_samples", _FLAG, False),
    Row("do_not_save_grid", _FLAG, False),
    Row("override_settings", _TABLE),
    Row("override_settings_restore_afterwards", _FLAG, True),
    Row("disable_extra_networks", _FLAG, False),
    Row("firstpass_image", _PICTURE),
    Row("comments", _TABLE),
    Row("force_task_id", _TEXT),
    Row("script_name", _TEXT),
    Row("script_args", _list_of({}), ()),
    Row("send_images", _FLAG, True),
    Row("save_images", _FLAG, False),
    Row("alwayson_scripts", _TABLE, MappingProxyType({})),
    Row("infotext", _TEXT),
)
TXT2IMG_ROWS = (Row("firstphase_width", _NUMBER, 0), Row("firstphase_height", _NUMBER, 0))
IMG2IMG_ROWS = (
    Row("init_images", _list_of(_PICTURE)),
    Row("mask", _PICTURE),
    Row("mask_blur_x", _NUMBER, 4),
    Row("mask_blur_y", _NUMBER, 4),
    Row("latent_mask", _PICTURE),
    Row("include_init_images", _FLAG, False),
)


def rows(kind: Kind) -> Mapping[str, Row]:
    """All entries of a request by name, in the order of the table of parameters."""
    defaults = {**DEFAULTS, **(IMG2IMG_DEFAULTS if kind == "img2img" else {})}
    own = [
        Row(row.rest, _schema(row), defaults.get(row.rest), row.name)
        for row in PARAMETERS.values()
        if row.name not in ("first_pass", "mask_blur_y", *PICTURES) and _belongs(row, kind)
    ]
    further = IMG2IMG_ROWS if kind == "img2img" else TXT2IMG_ROWS
    return {row.name: row for row in (*own, *COMMON_ROWS, *further)}


def _belongs(row: Parameter, kind: Kind) -> bool:
    """Whether a request of this kind can have a use for the field."""
    if row.name in ("denoising_strength", "extra_noise"):
        return True
    if kind == "img2img":
        return row.group != "hires"
    return row.group not in ("img2img", "inpaint", "soft", "outpaint", "tiles")


def schema(kind: Kind) -> dict[str, Any]:
    """The JSON schema of a request; entries that it does not list are ignored."""
    return {"type": "object", "properties": {row.name: _entry(row) for row in rows(kind).values()}}


def _entry(row: Row) -> dict[str, Any]:
    """The schema of an entry. null is as good as leaving it out."""
    said = dict(row.schema)
    if "type" in said:
        said["type"] = [said["type"], "null"]
    return said if row.default is None else {**said, "default": plain_default(row)}


def plain_default(row: Row) -> Any:
    """The entry's default as JSON has it."""
    default = row.default
    if isinstance(default, Mapping):
        return dict(default)
    return list(default) if isinstance(default, tuple) else default


def _schema(row: Parameter) -> dict[str, Any]:
    menu = row.choices or ""
    if menu in PICTURE_CHOICES:
        names = FIXED_CHOICES[menu]
        said = ", ".join(f"{number} {name}" for number, name in enumerate(names))
        return {"description": said}
    known: dict[str, Any] = {"type": _TYPES.get(row.kind, "string")}
    if menu in FIXED_CHOICES:
        return {"enum": [*FIXED_CHOICES[menu], None]}
    if row.minimum is not None:
        low = -1 if "seed" in row.name and row.kind == "integer" else row.minimum
        known |= {"minimum": low, "maximum": row.maximum}
    if row.multiple is not None and "seed" not in row.name:
        known["multipleOf"] = row.multiple
    return known
