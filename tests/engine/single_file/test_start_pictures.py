"""Pictures that begin with a picture, against diffusers' pipelines on the same weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    EulerDiscreteScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionXLImg2ImgPipeline,
)
from torch import Tensor, nn

from tests.engine.single_file.conftest import Written
from tests.engine.single_file.test_pictures import CLOSE, difference, request_for, tokenizer
from tests.engine.test_beginning import NAME, png
from tests.engine.test_pipeline import Recorder
from tests.tiny_checkpoints import write_checkpoint
from webui.core.errors import InkstoneError
from webui.core.events import ModelFiles
from webui.core.request import GenerationRequest
from webui.engine.beginning import start_picture
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_bundle, load_model
from webui.engine.device import cpu_device
from webui.engine.families import NOISE
from webui.engine.latents import from_pixels
from webui.engine.pipeline import generate, sample_batch
from webui.engine.plan import make_plan
from webui.engine.text_encoder import PromptEncoder

PHOTO = np.random.default_rng(0).integers(0, 256, (128, 64, 3), dtype=np.uint8)
IMAGES = {"init_image": png(PHOTO)}
SEED = 5


def begun(**fields: Any) -> GenerationRequest:
    """Ten steps of the plain schedule lie on whole timesteps, so that all programs agree on them.

    Noise is torch's own, so that their generators draw the same.
    """
    settings = {"init_image": NAME, "schedule": "Uniform", "noise_source": "CPU", "seed": SEED}
    return request_for(**{**settings, **fields})


def our_latents(bundle: ModelBundle, request: GenerationRequest) -> tuple[Tensor, Tensor]:
    """(the result, the start without noise)."""
    start = start_picture(bundle, request, IMAGES)
    plan = make_plan(bundle, request, PromptEncoder(bundle), start=start)
    return sample_batch(plan, request, (0,), latents=start.batch(request, (0,))), start.latents


def parts_of(modules: dict[str, nn.Module]) -> tuple[dict[str, Any], list[nn.Module]]:
    unet, vae, *texts = (copy.deepcopy(module).half().float() for module in modules.values())
    scheduler = EulerDiscreteScheduler(**NOISE, timestep_spacing="linspace", steps_offset=1)
    return {"unet": unet, "vae": vae, "scheduler": scheduler}, texts


def checked(pipeline: Any) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


UNCHECKED: dict[str, Any] = {
    "safety_checker": None,
    "feature_extractor": None,
    "requires_safety_checker": False,
}


@torch.inference_mode()
@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_latents_are_those_of_diffusers(checkpoint: Callable[[str], Written], family: str) -> None:
    written = checkpoint(family)
    files = ModelFiles(family, str(written.path), kind="file", family=family)
    bundle = load_model(files, cpu_device())
    # Five steps of ten: so we say it, and so they do.
    request = begun(steps=5, denoising_strength=0.5, exact_steps=True)
    ours, start = our_latents(bundle, request)

    parts, texts = parts_of(written.parts)
    first, second = tokenizer("<|endoftext|>"), tokenizer("!")
    if family == "sdxl":
        both = {"tokenizer": first, "text_encoder": texts[0], "tokenizer_2": second}
        pipeline: Any = StableDiffusionXLImg2ImgPipeline(**parts, **both, text_encoder_2=texts[1])
    else:
        pipeline = StableDiffusionImg2ImgPipeline(
            **parts, tokenizer=first, text_encoder=texts[0], **UNCHECKED
        )
    scale = float(parts["vae"].config.scaling_factor)
    encoded = parts["vae"].encode(from_pixels(PHOTO)[None]).latent_dist.mode() * scale
    assert difference(start, encoded) < CLOSE
    theirs = checked(pipeline)(
        request.prompt,
        image=encoded,
        strength=0.5,
        num_inference_steps=10,
        guidance_scale=request.cfg_scale,
        negative_prompt=request.negative_prompt,
        generator=torch.Generator().manual_seed(SEED),
        output_type="latent",
    ).images
    assert difference(ours, theirs) < CLOSE


Instructed = tuple[ModelBundle, dict[str, nn.Module]]


@pytest.fixture(scope="module")
def ip2p(tmp_path_factory: pytest.TempPathFactory) -> Instructed:
    """A model for instructions, which is shown 4 channels more, and the parts of its file."""
    path = tmp_path_factory.mktemp("ip2p") / "ip2p.safetensors"
    parts = write_checkpoint(path, "sd1", in_channels=8)
    return load_bundle(path, cpu_device()), parts


@torch.inference_mode()
@pytest.mark.parametrize("image_cfg_scale", [1.5, 1.0])
def test_instructions_are_followed_as_in_diffusers(
    ip2p: Instructed, image_cfg_scale: float
) -> None:
    bundle, modules = ip2p
    request = begun(steps=10, denoising_strength=1.0, image_cfg_scale=image_cfg_scale)
    asked: list[int] = []
    hook = bundle.unet.register_forward_hook(lambda _, given, __: asked.append(len(given[0])))
    ours, start = our_latents(bundle, request)
    hook.remove()
    # A scale of 1 needs no third question.
    assert asked == [2 if image_cfg_scale == 1 else 3] * 10

    parts, texts = parts_of(modules)
    pipeline: Any = StableDiffusionInstructPix2PixPipeline(
        **parts, tokenizer=tokenizer("<|endoftext|>"), text_encoder=texts[0], **UNCHECKED
    )
    parts["scheduler"].set_timesteps(10)
    level = float(parts["scheduler"].sigmas[0])
    noise = torch.randn(start.shape, generator=torch.Generator().manual_seed(SEED))
    theirs = checked(pipeline)(
        request.prompt,
        image=from_pixels(PHOTO)[None] / 2 + 0.5,
        num_inference_steps=10,
        guidance_scale=request.cfg_scale,
        image_guidance_scale=image_cfg_scale,
        negative_prompt=request.negative_prompt,
        # Theirs begins with noise alone, unless told otherwise.
        latents=(start + noise * level) / float(parts["scheduler"].init_noise_sigma),
        output_type="latent",
    ).images
    assert difference(ours, theirs) < CLOSE


def test_a_batch_of_instructions_is_its_single_pictures(ip2p: Instructed) -> None:
    bundle, _ = ip2p
    request = begun(prompt="a cat AND a dog :0.5", steps=2, ngms=3.0, batch_size=2)
    batch, singles = Recorder(), Recorder()
    generate(bundle, request, None, batch, images=IMAGES)
    generate(
        bundle,
        request.model_copy(update={"batch_size": 1, "batch_count": 2}),
        None,
        singles,
        images=IMAGES,
    )
    assert all(np.array_equal(batch.pictures[i], singles.pictures[i]) for i in (0, 1))
    assert not np.array_equal(batch.pictures[0], batch.pictures[1])


def test_instructions_need_a_picture(ip2p: Instructed) -> None:
    with pytest.raises(InkstoneError) as caught:
        generate(ip2p[0], request_for())
    assert caught.value.message.key == "error.model_needs_picture"
