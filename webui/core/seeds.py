"""One seed per picture."""

from __future__ import annotations

from webui.core.request import GenerationRequest


def picture_seeds(request: GenerationRequest) -> tuple[int, ...]:
    """The seed of each picture of the job: the request's, counted up by one."""
    return tuple(request.seed + index for index in range(request.pictures))


def batches(indices: tuple[int, ...], size: int) -> list[tuple[int, ...]]:
    """Splits picture indices into batches of at most `size`, in order.

    A job that is taken up again has gaps; as a batch equals its single pictures, any grouping
    gives the same pictures.
    """
    return [indices[start : start + size] for start in range(0, len(indices), size)]
