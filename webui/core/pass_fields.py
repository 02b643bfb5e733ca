"""The fields of the passes after the first: hires fix, and a refiner on the way.

Their types, ranges and rows of the table of parameters.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from webui.core.parameters import Kind, Spec

MAX_PROMPT_CHARACTERS = 20_000

Prompt = Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)]
Name = Annotated[str, Field(max_length=500)]

RefinerPass = Literal["first", "second", "both"]


def _hires(kind: Kind, infotext: str, rest: str, **row: Any) -> Spec:
    return Spec(kind, infotext, rest, group="hires", needs=("hires",), **row)


Hires = Annotated[bool, Spec("flag", rest="enable_hr", group="hires")]
HiresUpscaler = Annotated[
    Name, _hires("choice", "Hires upscaler", "hr_upscaler", choices="upscalers")
]
HiresSteps = Annotated[
    int, Field(ge=0, le=150), _hires("integer", "Hires steps", "hr_second_pass_steps")
]
DenoisingStrength = Annotated[
    float,
    Field(ge=0, le=1),
    Spec(
        "number",
        "Denoising strength",
        step=0.01,
        group="hires",
        needs=("hires", "init_image"),
    ),
]
HiresScale = Annotated[
    float, Field(ge=1, le=4), _hires("number", "Hires upscale", "hr_scale", step=0.05)
]
HiresWidth = Annotated[
    int, Field(ge=0, le=4096, multiple_of=8), _hires("integer", "Hires resize", "hr_resize_x")
]
HiresHeight = Annotated[
    int, Field(ge=0, le=4096, multiple_of=8), _hires("integer", "Hires resize", "hr_resize_y")
]
HiresCheckpoint = Annotated[
    Name, _hires("choice", "Hires checkpoint", "hr_checkpoint_name", choices="checkpoints")
]
HiresSampler = Annotated[
    Name, _hires("choice", "Hires sampler", "hr_sampler_name", choices="samplers")
]
HiresSchedule = Annotated[
    Name, _hires("choice", "Hires schedule type", "hr_scheduler", choices="schedules")
]
HiresCfgScale = Annotated[
    float | None, Field(ge=1, le=30), _hires("number", "Hires CFG Scale", "hr_cfg", step=0.5)
]
HiresPrompt = Annotated[Prompt, _hires("text", "Hires prompt", "hr_prompt")]
HiresNegativePrompt = Annotated[
    Prompt, _hires("text", "Hires negative prompt", "hr_negative_prompt")
]
FirstPass = Annotated[Name, Spec("text", rest="firstpass_image", axis=False, shown=False)]
RefinerCheckpoint = Annotated[
    Name, Spec("choice", "Refiner", choices="checkpoints", group="refiner")
]
RefinerSwitchAt = Annotated[
    float,
    Field(ge=0.01, le=1),
    Spec("number", "Refiner switch at", step=0.01, group="refiner", needs=("refiner_checkpoint",)),
]
RefinerBySteps = Annotated[
    bool,
    Spec(
        "flag",
        "Refiner switch by sampling steps",
        group="refiner",
        needs=("refiner_checkpoint",),
    ),
]
HiresRefiner = Annotated[
    RefinerPass,
    Spec(
        "choice",
        "Hires refiner",
        choices="refiner_passes",
        group="refiner",
        needs=("refiner_checkpoint",),
    ),
]
