"""A picture of a checkpoint at full width, by our engine or by diffusers' own pipeline.

`python -m tests.full_width_picture ours|theirs FAMILY FILE RESULT.npz`: each in a process of its
own, ours first, as two such models at once are too much for most machines.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from diffusers import (
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)
from torch import Tensor, nn

from tests import tiny_checkpoints
from tests.engine.single_file.test_pictures import plan_for, request_for, their_latents, tokenizer
from webui.core.events import ModelFiles
from webui.core.request import GenerationRequest
from webui.engine.bench import first_noise
from webui.engine.checkpoint import load_model
from webui.engine.device import cpu_device
from webui.engine.families import NOISE
from webui.engine.pipeline import sample_batch

LARGE = ("sdxl",)
"""Kept in half precision, a layer at a time brought to single precision for its computation: in
single precision SDXL would take 14 GB."""


def request() -> GenerationRequest:
    return request_for(width=256, height=256, steps=2)


def scheduler() -> EulerDiscreteScheduler:
    return EulerDiscreteScheduler(
        **NOISE, prediction_type="epsilon", timestep_spacing="leading", steps_offset=1
    )


def calm(module: nn.Module) -> None:
    """Computes in single precision, brought there and back a layer at a time."""
    for layer in module.modules():
        if next(layer.parameters(recurse=False), None) is not None:
            layer.register_forward_pre_hook(lambda layer, _: layer.float() and None)
            layer.register_forward_hook(lambda layer, _, __: layer.half() and None)


@torch.inference_mode()
def ours(family: str, file: Path) -> dict[str, Tensor]:
    device = cpu_device()
    files = ModelFiles(family, str(file), kind="file", family=family)
    if family in LARGE:
        bundle = load_model(files, dataclasses.replace(device, dtype=torch.float16))
        calm(bundle.unet)
        for module in (bundle.vae, *(text.encoder for text in bundle.texts)):
            module.float()
        bundle = dataclasses.replace(bundle, device=device)
    else:
        bundle = load_model(files, device)
    row = scheduler()
    row.set_timesteps(request().steps)
    latents = sample_batch(plan_for(bundle, request(), row.sigmas.double()), request(), (0,))
    image = bundle.vae.decode(latents.float() / bundle.latent_scale).sample
    return {"noise": first_noise(bundle, request()), "latents": latents, "image": image}


@torch.inference_mode()
def theirs(family: str, file: Path, noise: Tensor) -> dict[str, Tensor]:
    kind: Any = StableDiffusionXLPipeline if family == "sdxl" else StableDiffusionPipeline
    dtype = torch.float16 if family in LARGE else torch.float32
    with TemporaryDirectory() as folder:
        write_settings(Path(folder), family)
        pipeline = kind.from_single_file(
            str(file), config=folder, local_files_only=True, torch_dtype=dtype
        )
    pipeline.scheduler = scheduler()
    if family in LARGE:
        calm(pipeline.unet)
        pipeline.vae.float()
        for text in (pipeline.text_encoder, pipeline.text_encoder_2):
            text.float()
    pipeline.set_progress_bar_config(disable=True)
    latents = their_latents(pipeline, request(), noise)
    image = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
    return {"latents": latents, "image": image}


def write_settings(folder: Path, family: str) -> None:
    """The configurations that diffusers would fetch, without weights."""
    parts = tiny_checkpoints.modules(family, narrow=False)
    unet, vae, *texts = parts.values()
    unet.save_config(folder / "unet")
    vae.save_config(folder / "vae")
    scheduler().save_config(folder / "scheduler")
    index: dict[str, Any] = {
        "_class_name": "StableDiffusionXLPipeline" if len(texts) > 1 else "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    }
    for number, text in enumerate(texts):
        end = f"_{number + 1}" if number else ""
        text.config.save_pretrained(folder / f"text_encoder{end}")
        tokenizer("!" if number else "<|endoftext|>").save_pretrained(folder / f"tokenizer{end}")
        index[f"text_encoder{end}"] = ["transformers", type(text).__name__]
        index[f"tokenizer{end}"] = ["transformers", "CLIPTokenizer"]
    if len(texts) == 1:
        index |= {"safety_checker": [None, None], "feature_extractor": [None, None]}
        index["requires_safety_checker"] = False
    (folder / "model_index.json").write_text(json.dumps(index), "utf-8")


def main() -> None:
    """Draws, and writes what was drawn beside what is there already."""
    whose, family, file, result = sys.argv[1:]
    start = time.perf_counter()
    if whose == "ours":
        made = ours(family, Path(file))
    else:
        made = theirs(family, Path(file), torch.from_numpy(np.load(result)["noise"]))
        result = result.replace(".npz", ".theirs.npz")
    np.savez(result, **{name: tensor.float().numpy() for name, tensor in made.items()})
    peak = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line
    )
    sys.stdout.write(f"{whose} {family}: {time.perf_counter() - start:.0f} s, {peak}\n")


if __name__ == "__main__":
    main()
