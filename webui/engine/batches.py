"""Batches of pictures, or of tiles: their passes, and what is done when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeVar

from torch import Tensor

from webui.core.errors import OutOfMemory
from webui.core.passes import pass_steps
from webui.core.request import GenerationRequest
from webui.engine.drawing import Drawing, Leg
from webui.engine.inpainting.blending import KeepingDenoiser, Kept
from webui.engine.plan import Plan, denoiser_for, sampler_options
from webui.engine.refiner import refined
from webui.engine.samplers import OnStep, StepEvent, TwoSidedDenoiser, sample
from webui.engine.start import starting_point
from webui.engine.watching import Indices, Watcher

Drawn = TypeVar("Drawn")


def in_batches(
    wanted: Indices, size: int, draw: Callable[[Indices], Drawn]
) -> Iterator[tuple[Indices, Drawn]]:
    """Draws in batches of at most `size`, and of less once memory runs out.

    A batch equals its single pictures, so nothing else changes.

    Raises:
        OutOfMemory: not even a batch of one fits.
    """
    while wanted:
        batch = wanted[:size]
        try:
            drawn = draw(batch)
        except OutOfMemory:
            if len(batch) == 1:
                raise
            size = (len(batch) + 1) // 2
            continue
        yield batch, drawn
        wanted = wanted[len(batch) :]


def draw_batch(
    drawing: Drawing, request: GenerationRequest, batch: Indices, watcher: Watcher
) -> Tensor:
    """The latents of a batch after all passes, (B, C, h, w)."""
    steps = StepRow(partial(watcher.on_step, batch), pass_steps(request)[1])
    hires = drawing.hires
    if hires is None or hires.finished is None:
        watcher.on_phase("denoise", batch[0])
        begun = drawing.begin(request, batch)
        leg = drawing.first_of(begun)
        latents = sample_leg(leg, request, batch, steps, begun, kept=drawing.kept(begun))
        if hires is None:
            return latents
        latents = hires.enlarger.latents(
            latents, lambda place: watcher.on_phase("upscale", batch[place])
        )
    else:
        watcher.on_phase("upscale", batch[0])
        latents = hires.enlarger.pictures([hires.finished])
    if hires.second is None:
        return latents
    watcher.on_phase("hires", batch[0])
    steps.next_pass()
    return sample_leg(hires.second, request, batch, steps, latents)


class StepRow:
    """The steps of a batch's passes, told as one row.

    later: how many steps are expected after the present pass.
    """

    def __init__(self, tell: OnStep, later: int) -> None:
        self._tell = tell
        self._later = later
        self._before = 0
        self._now = 0

    def __call__(self, event: StepEvent) -> None:
        """Tells a step of the present pass."""
        self._now = event.steps
        steps = self._before + event.steps + self._later
        self._tell(replace(event, step=self._before + event.step, steps=steps))

    def next_pass(self) -> None:
        """The last pass begins."""
        self._before, self._later = self._before + self._now, 0


def sample_leg(
    leg: Leg,
    request: GenerationRequest,
    indices: Indices,
    on_step: OnStep | None = None,
    latents: Tensor | None = None,
    *,
    kept: Kept | None = None,
) -> Tensor:
    """One pass of a batch: from its noise, or from `latents`, to latents, (B, C, h, w)."""
    return sample_batch(
        leg.plan, request, indices, on_step, latents, refiner=leg.refiner, kept=kept
    )


def sample_batch(
    plan: Plan,
    request: GenerationRequest,
    indices: Indices,
    on_step: OnStep | None = None,
    latents: Tensor | None = None,
    *,
    refiner: Plan | None = None,
    kept: Kept | None = None,
) -> Tensor:
    """The engine's one denoise loop: a pass of the pictures `indices`, (B, C, h, w).

    latents: (B, C, h, w) that exist already, for a pass that does not begin with pure noise.
    refiner: the plan of the model that takes over on the way. kept: what is not painted.
    """
    if latents is not None and len(plan.sigmas) == 1:
        return latents
    first, noise = starting_point(plan, request, indices, latents)
    base = denoiser_for(plan, request, len(indices))
    denoise: TwoSidedDenoiser = base
    if refiner is not None:
        denoise = refined(base, plan, refiner, request, len(indices))
    if kept is not None:
        denoise = KeepingDenoiser(denoise, kept, before=plan.spec.timesteps)
    result = sample(
        plan.spec.name,
        denoise,
        first,
        plan.sigmas,
        noise,
        on_step=on_step,
        catalogue=plan.catalogue,
        **sampler_options(plan, request),
    )
    return result if kept is None else kept.finished(result)
