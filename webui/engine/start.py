"""Where a batch starts from: its noise, and the latents that the sampler is given."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from webui.core.request import GenerationRequest
from webui.core.seeds import picture_seed, variation_seed
from webui.engine.brownian import BrownianNoise
from webui.engine.latents import latent_shape
from webui.engine.noise import SeededNoise, Variation
from webui.engine.plan import Plan
from webui.engine.samplers import Noise


def starting_point(
    plan: Plan, request: GenerationRequest, indices: Sequence[int], latents: Tensor | None = None
) -> tuple[Tensor, Noise]:
    """(the latents that the pass begins with, the noise that its sampler adds).

    indices: places in the job of the pictures of this batch; their seeds follow from them.
    latents: (B, C, h, w) without noise, for a pass that does not begin with pure noise. Theirs
    is the noise multiplied and added to that the request asks for; the former not in the second.
    """
    place = plan.bundle.device.torch_device
    shape = latent_shape(plan.bundle, plan.this.width, plan.this.height)
    seeds = [picture_seed(request, index) for index in indices]
    fresh = SeededNoise(
        seeds,
        shape,
        request.noise_source,
        place,
        variation=_variation(plan, request, indices),
        ensd=request.ensd,
    )
    noise = fresh()
    if latents is not None and not plan.this.second and request.noise_multiplier != 1:
        noise = noise * request.noise_multiplier
    first = plan.levels.first(noise, latents, request.extra_noise)
    if plan.spec.noise != "brownian":
        return first, fresh
    return first, BrownianNoise(seeds, shape, request.noise_source, place, plan.levels.whole)


def _variation(plan: Plan, request: GenerationRequest, indices: Sequence[int]) -> Variation | None:
    drawn_at = None
    if request.seed_resize_width and request.seed_resize_height:
        drawn_at = latent_shape(plan.bundle, request.seed_resize_width, request.seed_resize_height)
    seeds = tuple(variation_seed(request, index) for index in indices)
    if not request.variation_strength and drawn_at is None:
        return None
    return Variation(seeds, request.variation_strength, drawn_at)
