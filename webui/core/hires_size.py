"""How large the second pass of hires fix is.

The rules are those that users of stable-diffusion-webui know, so that old settings give the size
they gave there.
"""

from __future__ import annotations

from dataclasses import dataclass

from webui.core.errors import Message
from webui.core.request import GenerationRequest

CELL = 8
"""Pixels on a side of one latent cell; every picture is a whole number of them."""

SMALLEST, LARGEST = 64, 4096


@dataclass(frozen=True)
class HiresSize:
    """What the first pass is enlarged to, and what is kept of it. All in pixels.

    enlarged: (width, height), any whole numbers. target: (width, height) of the second pass and
    so of the picture, multiples of 8; what `enlarged` has beyond it is cut off, centred.
    """

    enlarged: tuple[int, int]
    target: tuple[int, int]


def hires_size(request: GenerationRequest) -> HiresSize:
    """The second pass's size.

    Without a wished side both are scaled by `hires_scale`; one wished side gives the other by
    the picture's aspect; for two the picture is enlarged until it covers them.
    """
    width, height = request.width, request.height
    wished_width, wished_height = request.hires_width, request.hires_height
    if not wished_width and not wished_height:
        enlarged = int(width * request.hires_scale), int(height * request.hires_scale)
    elif not wished_height or (wished_width and wished_width * height > wished_height * width):
        enlarged = wished_width, wished_width * height // width
    else:
        enlarged = wished_height * width // height, wished_height
    target = wished_width or _cells(enlarged[0]), wished_height or _cells(enlarged[1])
    return HiresSize(enlarged, target)


def _cells(pixels: int) -> int:
    return pixels // CELL * CELL


def final_size(request: GenerationRequest) -> tuple[int, int]:
    """(width, height) in pixels of the request's pictures."""
    return hires_size(request).target if request.hires else (request.width, request.height)


def size_field(request: GenerationRequest) -> str:
    """The field that the size of the request's pictures comes from: the one to mend."""
    if not request.hires:
        return "width"
    if request.hires_width:
        return "hires_width"
    return "hires_height" if request.hires_height else "hires_scale"


def hires_problems(request: GenerationRequest) -> list[Message]:
    """What is wrong with the fields of hires fix when they are taken together."""
    problems: list[Message] = []
    if request.hires:
        width, height = hires_size(request).target
        if not SMALLEST <= min(width, height) <= max(width, height) <= LARGEST:
            values = {"width": width, "height": height, "low": SMALLEST, "high": LARGEST}
            problems.append(Message("error.hires_size", values, size_field(request)))
    if request.first_pass and not request.hires:
        problems.append(Message("error.first_pass_alone", {}, "first_pass"))
    if request.first_pass and request.pictures > 1:
        values = {"got": request.pictures}
        field = "batch_size" if request.batch_size > 1 else "batch_count"
        problems.append(Message("error.first_pass_single", values, field))
    return problems
