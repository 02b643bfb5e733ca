"""What a request's passes need, before anything is drawn: steps and models."""

from __future__ import annotations

from webui.core.hires_size import hires_size
from webui.core.request import GenerationRequest


def pass_steps(request: GenerationRequest) -> tuple[int, int]:
    """Steps of the first and of the second pass; 0 for a pass that is left out."""
    first = 0 if request.hires and request.first_pass else request.steps
    second = request.hires and request.denoising_strength > 0
    return first, (request.hires_steps or request.steps) if second else 0


def second_pass_cost(request: GenerationRequest) -> float:
    """How much longer a step of the second pass takes than one of the first, roughly."""
    if not request.hires:
        return 1.0
    width, height = hires_size(request).target
    return (width * height) / (request.width * request.height)


def further_models(request: GenerationRequest) -> dict[str, str]:
    """Checkpoints that the request needs beside its own, by the field that names each."""
    fields = ["refiner_checkpoint", *(["hires_checkpoint"] if request.hires else [])]
    named = {field: str(getattr(request, field)) for field in fields}
    return {field: name for field, name in named.items() if name not in ("", request.checkpoint)}
