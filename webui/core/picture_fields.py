"""The fields of a request that begins with a picture: their types, ranges and rows of the table.

Pictures are named by their content (`webui.services.inputs`): 64 hexadecimal digits, "" for none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from webui.core.parameters import Group, Kind, Spec

PICTURES = ("init_image", "mask")
"""The fields that name uploaded pictures."""

GROWN = ("outpaint_left", "outpaint_right", "outpaint_up", "outpaint_down")
REPAINTED = ("mask", *GROWN)
"""Fields of which one is filled when only a part of the picture is painted."""

LARGEST_BORDER = 1024

ResizeMode = Literal[
    "Just resize", "Crop and resize", "Resize and fill", "Just resize (latent upscale)"
]
MaskMode = Literal["Inpaint masked", "Inpaint not masked"]
MaskedContent = Literal["fill", "original", "latent noise", "latent nothing"]
InpaintArea = Literal["Whole picture", "Only masked"]

PICTURE_CHOICES: Mapping[str, tuple[str, ...]] = {
    "resize_modes": get_args(ResizeMode),
    "mask_modes": get_args(MaskMode),
    "masked_contents": get_args(MaskedContent),
    "inpaint_areas": get_args(InpaintArea),
}
"""Menus in the order of the numbers that stand for their rows in the HTTP contract."""


def _start(kind: Kind, infotext: str, rest: str | None = None, **row: Any) -> Spec:
    return Spec(kind, infotext, rest, group="img2img", needs=("init_image",), **row)


def _repaint(kind: Kind, infotext: str, rest: str | None = None, **row: Any) -> Spec:
    return Spec(kind, infotext, rest, group="inpaint", needs=REPAINTED, **row)


def _soft(infotext: str, step: float = 0.1) -> Spec:
    name = f"Soft inpainting {infotext}"
    return Spec("number", name, step=step, group="soft", needs=("soft_inpainting",))


def _border(side: str) -> Any:
    group: Group = "outpaint"
    row = Spec("integer", f"Outpaint {side}", group=group, needs=("init_image",))
    return Annotated[int, Field(ge=0, le=LARGEST_BORDER, multiple_of=8), row]


def _picture(rest: str, needs: tuple[str, ...] = ()) -> Any:
    row = Spec("text", rest=rest, axis=False, group="img2img", needs=needs, shown=False)
    return Annotated[str, Field(max_length=64, pattern="^([0-9a-f]{64})?$"), row]


InitImage = _picture("init_image")
Mask = _picture("mask", ("init_image",))
Resizing = Annotated[ResizeMode, _start("choice", "Resize mode", choices="resize_modes")]
ImageCfgScale = Annotated[float, Field(ge=0, le=30), _start("number", "Image CFG scale", step=0.05)]
NoiseMultiplier = Annotated[
    float,
    Field(ge=0, le=1.5),
    _start("number", "Noise multiplier", "initial_noise_multiplier", step=0.01),
]
ExtraNoise = Annotated[
    float,
    Field(ge=0, le=1),
    Spec(
        "number",
        "Extra noise",
        "img2img_extra_noise",
        step=0.01,
        group="img2img",
        needs=("init_image", "hires"),
    ),
]
ColorCorrection = Annotated[bool, _start("flag", "Color correction", "img2img_color_correction")]
ExactSteps = Annotated[bool, _start("flag", "Exact steps", "img2img_fix_steps")]
BackgroundColor = Annotated[
    str,
    Field(pattern="^#[0-9a-fA-F]{6}$"),
    _start("color", "Background color", "img2img_background_color", axis=False),
]
MaskBlur = Annotated[int, Field(ge=0, le=64), _repaint("integer", "Mask blur", step=1)]
MaskBlurDown = Annotated[
    int | None,
    Field(ge=0, le=64),
    _repaint("integer", "Mask blur y", step=1, axis=False, shown=False),
]
Masking = Annotated[
    MaskMode, _repaint("choice", "Mask mode", "inpainting_mask_invert", choices="mask_modes")
]
Content = Annotated[
    MaskedContent,
    _repaint("choice", "Masked content", "inpainting_fill", choices="masked_contents"),
]
Area = Annotated[
    InpaintArea, _repaint("choice", "Inpaint area", "inpaint_full_res", choices="inpaint_areas")
]
Padding = Annotated[
    int,
    Field(ge=0, le=256),
    _repaint("integer", "Masked area padding", "inpaint_full_res_padding", step=4),
]
MaskWeight = Annotated[
    float,
    Field(ge=0, le=1),
    _repaint("number", "Conditional mask weight", "inpainting_mask_weight", step=0.01),
]
MaskRounding = Annotated[bool, _repaint("flag", "Mask rounding", "mask_round")]
SoftInpainting = Annotated[
    bool, Spec("flag", "Soft inpainting enabled", group="soft", needs=REPAINTED)
]
SoftBias = Annotated[float, Field(ge=0, le=8), _soft("schedule bias")]
SoftPreservation = Annotated[float, Field(ge=0, le=8), _soft("preservation strength", 0.05)]
SoftContrast = Annotated[float, Field(ge=1, le=32), _soft("transition contrast boost", 0.5)]
SoftInfluence = Annotated[float, Field(ge=0, le=1), _soft("mask influence", 0.05)]
SoftThreshold = Annotated[float, Field(ge=0, le=8), _soft("difference threshold", 0.25)]
SoftDifference = Annotated[float, Field(ge=0, le=8), _soft("difference contrast", 0.25)]
BorderLeft, BorderRight = _border("left"), _border("right")
BorderUp, BorderDown = _border("up"), _border("down")
