"""Our pictures as the answer to txt2img and img2img."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from webui.core import infotext
from webui.core.catalogue import AUTOMATIC
from webui.core.request import GenerationRequest
from webui.services.records import Job, Picture

ABOUT = frozenset(
    {
        *(
            "Steps",
            "Sampler",
            "CFG scale",
            "Seed",
            "Size",
            "Model hash",
            "Model",
            "VAE hash",
            "VAE",
        ),
        *("Variation seed", "Variation seed strength", "Seed resize from", "Denoising strength"),
        *("Clip skip", "Version"),
    }
)
"""Entries of an infotext that `info` has under names of its own."""


def timestamp(job: Job) -> str:
    """When the job began, or came, by the clock on the wall: year to second, digits alone."""
    return (job.started or job.created).astimezone().strftime("%Y%m%d%H%M%S")


@dataclass(frozen=True)
class Model:
    """What is told about the checkpoint. `inpainting`: whether it is shown what is kept."""

    hash: str | None = None
    vae_hash: str | None = None
    inpainting: bool = False


def info(
    request: GenerationRequest,
    pictures: Sequence[Picture],
    when: str,
    model: Model,
    *,
    grid: bool = False,
    styles: Sequence[str] = (),
    version: str = "",
) -> str:
    """The entry `info` of an answer: JSON within JSON, with a list entry for each picture.

    `when`: the time stamp. `grid`: whether a grid stands in front of the pictures; it has the
    first one's infotext.
    """
    texts = [picture.infotext for picture in pictures]
    parsed = infotext.parse(texts[0]) if texts else infotext.Infotext()
    seeds = [picture.seed for picture in pictures] or [request.seed]
    count = len(pictures)
    said = {
        "prompt": request.prompt,
        "all_prompts": [request.prompt] * count,
        "negative_prompt": request.negative_prompt,
        "all_negative_prompts": [request.negative_prompt] * count,
        "seed": seeds[0],
        "all_seeds": seeds[:count],
        "subseed": request.variation_seed,
        "all_subseeds": [request.variation_seed + picture.index for picture in pictures],
        "subseed_strength": request.variation_strength,
        "width": request.width,
        "height": request.height,
        "sampler_name": request.sampler,
        "cfg_scale": request.cfg_scale,
        "steps": request.steps,
        "batch_size": request.batch_size,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": request.checkpoint,
        "sd_model_hash": model.hash,
        "sd_vae_name": None if request.vae == AUTOMATIC else request.vae,
        "sd_vae_hash": model.vae_hash,
        "seed_resize_from_w": request.seed_resize_width or -1,
        "seed_resize_from_h": request.seed_resize_height or -1,
        "denoising_strength": _strength(request),
        "extra_generation_params": {
            key: value for key, value in parsed.settings.items() if key not in ABOUT
        },
        "index_of_first_image": int(grid),
        "infotexts": [*texts[: int(grid)], *texts],
        "styles": list(styles),
        "job_timestamp": when,
        "clip_skip": request.clip_skip,
        "is_using_inpainting_conditioning": model.inpainting,
        "version": version,
    }
    return json.dumps(said)


def _strength(request: GenerationRequest) -> float | None:
    used = request.hires or bool(request.init_image)
    return request.denoising_strength if used else None
