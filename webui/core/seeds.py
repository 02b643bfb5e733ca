"""One seed per picture, and one for its variation."""

from __future__ import annotations

from webui.core.request import GenerationRequest


def picture_seed(request: GenerationRequest, index: int) -> int:
    """The seed of picture `index`: the request's, counted up.

    Variations of a picture share its seed: there the variation seeds alone are counted up.
    """
    return request.seed if request.variation_strength else request.seed + index


def variation_seed(request: GenerationRequest, index: int) -> int:
    """The seed of the noise that picture `index` is varied towards."""
    return request.variation_seed + index


def picture_seeds(request: GenerationRequest) -> tuple[int, ...]:
    """The seed of each picture of the job; see `picture_seed`."""
    return tuple(picture_seed(request, index) for index in range(request.pictures))


def single(request: GenerationRequest, index: int) -> GenerationRequest:
    """The request that makes just picture `index` of the job."""
    seeds = {
        "seed": picture_seed(request, index),
        "variation_seed": variation_seed(request, index),
    }
    return request.model_copy(update={**seeds, "batch_size": 1, "batch_count": 1})


def batches(indices: tuple[int, ...], size: int) -> list[tuple[int, ...]]:
    """Splits picture indices into batches of at most `size`, in order.

    A job that is taken up again has gaps; as a batch equals its single pictures, any grouping
    gives the same pictures.
    """
    return [indices[start : start + size] for start in range(0, len(indices), size)]
