"""What a request's passes need, before anything is drawn: steps and models."""

from __future__ import annotations

from webui.core.hires_size import hires_size
from webui.core.request import GenerationRequest
from webui.core.specs import NOT_ENLARGED

MOST_OF_THE_WAY = 0.999
"""A denoising strength of 1 counts as this: the picture's latents still take part."""


def pass_steps(request: GenerationRequest) -> tuple[int, int]:
    """Steps of the first and of the second pass; 0 for a pass that is left out.

    With SD upscale the first pass is that of each tile.
    """
    first = 0 if request.hires and request.first_pass else request.steps
    if request.init_image:
        first = steps_walked(request.steps, request.denoising_strength, exact=request.exact_steps)
    second = request.hires and request.denoising_strength > 0
    return first, (request.hires_steps or request.steps) if second else 0


def steps_walked(steps: int, strength: float, *, exact: bool) -> int:
    """How many of `steps` a pass makes that begins on the way, from a picture.

    Its denoising strength says how much of the way is gone again: so many steps of the whole
    row's, and one more, as users of stable-diffusion-webui know it (of 20 steps 16 at 0.75, 3 at
    0.1, 1 at 0). `exact` makes all `steps`, of a longer row, or none at strength 0.
    """
    if exact:
        return steps if strength else 0
    return int(min(strength, MOST_OF_THE_WAY) * steps) + 1


def second_pass_cost(request: GenerationRequest) -> float:
    """How much longer a step of the second pass takes than one of the first, roughly."""
    if not request.hires:
        return 1.0
    width, height = hires_size(request).target
    return (width * height) / (request.width * request.height)


def upscalers_of(request: GenerationRequest) -> tuple[str, ...]:
    """The upscalers that the request needs, by name."""
    tiles = request.tile_upscale and request.tile_upscaler != NOT_ENLARGED
    return (
        *((request.hires_upscaler,) if request.hires else ()),
        *((request.tile_upscaler,) if tiles else ()),
    )


def further_models(request: GenerationRequest) -> dict[str, str]:
    """Checkpoints that the request needs beside its own, by the field that names each."""
    fields = ["refiner_checkpoint", *(["hires_checkpoint"] if request.hires else [])]
    named = {field: str(getattr(request, field)) for field in fields}
    return {field: name for field, name in named.items() if name not in ("", request.checkpoint)}
