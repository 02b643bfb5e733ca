"""From a request to its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from webui.core.catalogue import BUILTIN, Catalogue
from webui.core.errors import Skipped
from webui.core.events import Phase
from webui.core.request import GenerationRequest
from webui.core.seeds import batches, picture_seeds
from webui.engine.brownian import BrownianNoise
from webui.engine.bundle import ModelBundle
from webui.engine.conditioning import TextDenoiser, Texts
from webui.engine.latents import Pixels, decode, latent_shape
from webui.engine.noise import SeededNoise
from webui.engine.plan import Plan, initial_scale, make_plan, sampler_options
from webui.engine.samplers import Denoiser, Noise, OnStep, StepEvent, sample
from webui.engine.text_encoder import PromptEncoder

Indices = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Picture:
    """A finished picture: its place in the job, its seed, and (H, W, 3) pixels."""

    index: int
    seed: int
    pixels: Pixels


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

    def on_skipped(self, indices: Indices) -> None:
        """These pictures will not be made."""


@torch.inference_mode()
def generate(
    bundle: ModelBundle,
    request: GenerationRequest,
    indices: Indices | None = None,
    watcher: Watcher | None = None,
    *,
    encoder: PromptEncoder | None = None,
    sigmas: Tensor | None = None,
    catalogue: Catalogue = BUILTIN,
) -> None:
    """Makes the pictures `indices` of the request (all of them by default), batch by batch.

    `encoder` keeps text encodings from job to job. `sigmas` replaces the schedule's row.

    Raises:
        InkstoneError: for unknown names, or if the model yields no finite picture.
        Cancelled: as the watcher raised it.
    """
    watcher = watcher or Watcher()
    wanted = tuple(range(request.pictures)) if indices is None else indices
    seeds = picture_seeds(request)

    # 1. What is the same for all pictures: the sampler, its row of noise levels, the prompts.
    watcher.on_phase("encode", wanted[0] if wanted else 0)
    plan = make_plan(bundle, request, encoder or PromptEncoder(bundle), sigmas, catalogue)

    size = 1 if plan.spec.one_by_one else request.batch_size
    for batch in batches(wanted, size):
        # 2. Noise from each picture's own seed, and from noise to latents.
        watcher.on_phase("denoise", batch[0])
        on_step = partial(watcher.on_step, batch)
        try:
            latents = sample_batch(bundle, request, plan, [seeds[i] for i in batch], on_step)
        except Skipped:
            watcher.on_skipped(batch)
            continue

        # 3. Latents to pixels, picture by picture.
        for index, latent in zip(batch, latents, strict=True):
            watcher.on_phase("decode", index)
            watcher.on_picture(Picture(index, seeds[index], decode(bundle, latent)))


def sample_batch(
    bundle: ModelBundle,
    request: GenerationRequest,
    plan: Plan,
    seeds: Sequence[int],
    on_step: OnStep | None = None,
) -> Tensor:
    """The engine's one denoise loop: from the noise of these seeds to latents, (B, C, h, w)."""
    shape = latent_shape(bundle, request.width, request.height)
    place = bundle.device.torch_device
    fresh = SeededNoise(seeds, shape, request.noise_source, place)
    first = fresh() * initial_scale(plan.sigmas, plan.spec)
    noise: Noise = fresh
    if plan.spec.noise == "brownian":
        noise = BrownianNoise(seeds, shape, request.noise_source, place, plan.sigmas)
    scale = request.cfg_scale * plan.spec.cfg_factor
    return sample(
        plan.spec.name,
        build_denoiser(bundle, plan.texts, len(seeds), scale, plan.spec.distilled),
        first,
        plan.sigmas,
        noise,
        on_step=on_step,
        catalogue=plan.catalogue,
        **sampler_options(request, plan.spec, bundle),
    )


def build_denoiser(
    bundle: ModelBundle,
    texts: Texts,
    pictures: int,
    cfg_scale: float,
    distilled: int | None = None,
) -> Denoiser:
    """The model, told the prompts, with guidance; see `TextDenoiser`."""
    return TextDenoiser(bundle, texts, pictures, cfg_scale, distilled)
