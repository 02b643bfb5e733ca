"""From a request to its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor

from webui.core.catalogue import BUILTIN, Catalogue
from webui.core.embeddings import hashes_text
from webui.core.errors import Message, OutOfMemory, Skipped
from webui.core.events import Phase
from webui.core.passes import pass_steps
from webui.core.request import GenerationRequest
from webui.core.seeds import picture_seed
from webui.engine.bundle import ModelBundle
from webui.engine.drawing import Drawing, Leg, Loaded, Resources, make_drawing
from webui.engine.inpainting.blending import KeepingDenoiser, Kept
from webui.engine.latents import Pixels
from webui.engine.plan import Plan, denoiser_for, sampler_options
from webui.engine.refiner import refined
from webui.engine.samplers import OnStep, StepEvent, TwoSidedDenoiser, sample
from webui.engine.start import starting_point
from webui.engine.text_encoder import PromptEncoder
from webui.engine.tiling import tiled

Indices = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Picture:
    """A finished picture: its place in the job, its seed, and (H, W, 3) pixels.

    extra: entries of the infotext that only the engine knows.
    """

    index: int
    seed: int
    pixels: Pixels
    extra: Mapping[str, str] = field(default_factory=dict)


class Watcher:
    """What a caller may want to hear, and its chance to stop: every method does nothing.

    Raising `Cancelled` from any method ends the job; raising `Skipped` from `on_step` gives up
    that batch alone.
    """

    def on_phase(self, phase: Phase, index: int) -> None:
        """A phase of the batch that begins with picture `index` begins."""

    def on_step(self, indices: Indices, event: StepEvent) -> None:
        """A step of the batch with these pictures is done."""

    def on_picture(self, picture: Picture) -> None:
        """A picture is finished."""

    def on_remark(self, message: Message) -> None:
        """Something that the person should know although the job goes on."""

    def on_skipped(self, indices: Indices) -> None:
        """These pictures will not be made."""


NO_MODELS: Mapping[str, Loaded] = MappingProxyType({})
NO_IMAGES: Mapping[str, bytes] = MappingProxyType({})


@torch.inference_mode()
def generate(
    bundle: ModelBundle,
    request: GenerationRequest,
    indices: Indices | None = None,
    watcher: Watcher | None = None,
    *,
    encoder: PromptEncoder | None = None,
    others: Mapping[str, Loaded] = NO_MODELS,
    images: Mapping[str, bytes] = NO_IMAGES,
    sigmas: Tensor | None = None,
    catalogue: Catalogue = BUILTIN,
) -> None:
    """Makes the pictures `indices` of the request (all of them by default), batch by batch.

    `encoder` keeps text encodings from job to job. `others`: the further checkpoints that the
    request names, by name. `images`: encoded pictures by the request field that refers to them.
    `sigmas` replaces the first pass's row.

    Raises:
        InkstoneError: for unknown names, or if the model yields no finite picture.
        OutOfMemory: the device has too little even for one picture, part by part and in tiles.
        Cancelled: as the watcher raised it.
    """
    watcher = watcher or Watcher()
    wanted = tuple(range(request.pictures)) if indices is None else indices
    memory = bundle.memory
    resources = Resources((bundle, encoder or PromptEncoder(bundle)), others, images)

    with ExitStack() as changes:
        if request.tiling:
            for used in resources.bundles():
                changes.enter_context(tiled(used))

        # 1. What is the same for all pictures: samplers, rows of noise levels, prompts.
        watcher.on_phase("encode", wanted[0] if wanted else 0)
        for encoder_of_job in resources.encoders():
            encoder_of_job.begin()
        drawing = memory.persist(partial(make_drawing, resources, request, sigmas, catalogue))
        extra = told(resources, drawing, watcher)

        size = drawing.pictures_at_once
        while wanted:
            # 2. Noise from each picture's own seed, and from noise to latents.
            batch = wanted[:size]
            try:
                latents = memory.persist(partial(draw_batch, drawing, request, batch, watcher))
            except Skipped:
                watcher.on_skipped(batch)
                wanted = wanted[size:]
                continue
            except OutOfMemory:
                if len(batch) == 1:
                    raise
                # A batch equals its single pictures, so nothing else changes.
                size = (len(batch) + 1) // 2
                continue
            wanted = wanted[size:]

            # 3. Latents to pixels, picture by picture.
            for index, latent in zip(batch, latents, strict=True):
                watcher.on_phase("decode", index)
                pixels = memory.persist(partial(drawing.picture, request, index, latent))
                watcher.on_picture(Picture(index, picture_seed(request, index), pixels, extra))


def told(resources: Resources, drawing: Drawing, watcher: Watcher) -> dict[str, str]:
    """Says what of the job could not be used; returns what infotexts say of its embeddings."""
    for message in drawing.start.remarks if drawing.start else ():
        watcher.on_remark(message)
    used: dict[str, str] = {}
    remarks: dict[str, Message] = {}
    for encoder in resources.encoders():
        used.update(encoder.used)
        remarks.update(encoder.remarks)
    for message in remarks.values():
        watcher.on_remark(message)
    return {"TI hashes": hashes_text(used)} if used else {}


def draw_batch(
    drawing: Drawing, request: GenerationRequest, batch: Indices, watcher: Watcher
) -> Tensor:
    """The latents of a batch after all passes, (B, C, h, w)."""
    steps = StepRow(partial(watcher.on_step, batch), pass_steps(request)[1])
    hires = drawing.hires
    if hires is None or hires.finished is None:
        watcher.on_phase("denoise", batch[0])
        begun = drawing.begin(request, batch)
        latents = sample_leg(drawing.first, request, batch, steps, begun, kept=drawing.kept(begun))
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
