"""From a request to its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor

from webui.core.catalogue import BUILTIN, Catalogue
from webui.core.embeddings import hashes_text
from webui.core.errors import Message, Skipped
from webui.core.request import GenerationRequest
from webui.core.seeds import picture_seed
from webui.engine.batches import draw_batch, in_batches, sample_batch
from webui.engine.bundle import ModelBundle
from webui.engine.drawing import Drawing, Loaded, Resources, make_drawing
from webui.engine.sd_upscale.tiles import tiles_of
from webui.engine.text_encoder import PromptEncoder
from webui.engine.tiled_drawing import draw_in_tiles
from webui.engine.tiling import tiled
from webui.engine.upscale import Enlarge
from webui.engine.watching import Indices, Picture, Watcher

__all__ = ["Indices", "Picture", "Watcher", "generate", "sample_batch"]

NO_MODELS: Mapping[str, Loaded] = MappingProxyType({})
NO_IMAGES: Mapping[str, bytes] = MappingProxyType({})
NO_UPSCALERS: Mapping[str, Enlarge] = MappingProxyType({})


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
    upscalers: Mapping[str, Enlarge] = NO_UPSCALERS,
    sigmas: Tensor | None = None,
    catalogue: Catalogue = BUILTIN,
) -> None:
    """Makes the pictures `indices` of the request (all of them by default), batch by batch.

    `encoder` keeps text encodings from job to job. `others`: the further checkpoints that the
    request names, by name. `images`: encoded pictures by the request field that refers to them.
    `upscalers`: what enlarges pictures beside the catalogue's, by name. `sigmas` replaces the
    first pass's row.

    Raises:
        InkstoneError: for unknown names, or if the model yields no finite picture.
        OutOfMemory: the device has too little even for one picture, part by part and in tiles.
        Cancelled: as the watcher raised it.
    """
    watcher = watcher or Watcher()
    wanted = tuple(range(request.pictures)) if indices is None else indices
    memory = bundle.memory
    resources = Resources((bundle, encoder or PromptEncoder(bundle)), others, images, upscalers)

    with ExitStack() as changes:
        if request.tiling:
            for used in resources.bundles():
                changes.enter_context(tiled(used))

        # 1. What is the same for all pictures: samplers, rows of noise levels, prompts.
        first = wanted[0] if wanted else 0
        tiles = None
        if request.tile_upscale:
            watcher.on_phase("upscale", first)
            tiles = tiles_of(bundle, request, images, upscalers, catalogue)
            request = tiles.sized(request)
        watcher.on_phase("encode", first)
        for encoder_of_job in resources.encoders():
            encoder_of_job.begin()
        drawing = memory.persist(
            partial(make_drawing, resources, request, sigmas, catalogue, tiles)
        )
        extra = told(resources, drawing, watcher)
        if tiles is None:
            draw_whole(drawing, request, wanted, watcher, extra)
        else:
            draw_in_tiles(drawing, tiles.grid, request, wanted, watcher, extra)


def draw_whole(
    drawing: Drawing,
    request: GenerationRequest,
    wanted: Indices,
    watcher: Watcher,
    extra: Mapping[str, str],
) -> None:
    """Makes pictures, batch by batch. `extra`: what their infotexts say of the engine's own."""
    memory = drawing.memory

    # 2. Noise from each picture's own seed, and from noise to latents.
    def draw(batch: Indices) -> Tensor | None:
        try:
            return memory.persist(partial(draw_batch, drawing, request, batch, watcher))
        except Skipped:
            watcher.on_skipped(batch)
            return None

    for batch, latents in in_batches(wanted, drawing.pictures_at_once, draw):
        if latents is None:
            continue
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
