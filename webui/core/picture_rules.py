"""What is wrong with the fields of a picture to begin with when they are taken together."""

from __future__ import annotations

from webui.core.errors import Message
from webui.core.picture_fields import GROWN, PICTURES
from webui.core.request import GenerationRequest

SMALLEST = 64
"""Pixels on a side that outpainting leaves to the start picture."""

DIGITS = 64
"""Characters of the name of an uploaded picture; finished ones have shorter names."""


def uploads(request: GenerationRequest) -> dict[str, str]:
    """The uploaded pictures that the request names, by field."""
    named = {field: str(getattr(request, field)) for field in (*PICTURES, "first_pass")}
    return {field: name for field, name in named.items() if len(name) == DIGITS}


def inner_size(request: GenerationRequest) -> tuple[int, int]:
    """(width, height) in pixels that the start picture is brought to, borders aside."""
    wide = request.outpaint_left + request.outpaint_right
    high = request.outpaint_up + request.outpaint_down
    return request.width - wide, request.height - high


def picture_problems(request: GenerationRequest) -> list[Message]:
    """One message for each rule that the request breaks."""
    grown = next((name for name in GROWN if getattr(request, name)), None)
    if not request.init_image:
        problems = [Message("error.mask_alone", {}, "mask")] if request.mask else []
        return [*problems, *([Message("error.outpaint_alone", {}, grown)] if grown else [])]
    problems = []
    if request.hires or request.first_pass:
        problems.append(Message("error.hires_with_picture", {}, "hires"))
    if grown and request.inpaint_area == "Only masked":
        problems.append(Message("error.outpaint_area", {}, "inpaint_area"))
    inner = inner_size(request)
    for field, left in zip(("width", "height"), inner, strict=True):
        if left < SMALLEST:
            size = getattr(request, field)
            values = {"size": size, "borders": size - left, "low": SMALLEST}
            problems.append(Message("error.outpaint_size", values, field))
    return problems
