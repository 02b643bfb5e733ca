"""Painting a part of a picture, against diffusers' pipeline on the same weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionInpaintPipeline
from PIL import Image
from torch import Tensor, nn

from tests.engine.single_file.conftest import Written
from tests.engine.single_file.test_pictures import CLOSE, difference, tokenizer
from tests.engine.single_file.test_start_pictures import (
    IMAGES,
    PHOTO,
    SEED,
    UNCHECKED,
    begun,
    checked,
    parts_of,
)
from tests.engine.test_beginning import NAME, png
from tests.engine.test_pipeline import Recorder
from tests.tiny_checkpoints import write_checkpoint
from webui.core.events import ModelFiles
from webui.core.request import GenerationRequest
from webui.engine.beginning import start_picture
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_bundle, load_model
from webui.engine.device import cpu_device
from webui.engine.inpainting.masks import blurred
from webui.engine.pipeline import generate, sample_batch
from webui.engine.plan import make_plan
from webui.engine.text_encoder import PromptEncoder

PAINTED = np.zeros((128, 64), np.uint8)
PAINTED[32:80, 16:48] = 255
EDGED = np.roll(PAINTED, (3, 5), (0, 1))
"""Not in line with the cells of latents."""

Model = tuple[Path, dict[str, nn.Module]]


def painting(**fields: Any) -> GenerationRequest:
    return begun(**{"mask": NAME, "mask_blur": 0, **fields})


def our_latents(bundle: ModelBundle, request: GenerationRequest, mask: Any) -> Tensor:
    start = start_picture(bundle, request, {**IMAGES, "mask": png(mask)})
    plan = make_plan(bundle, request, PromptEncoder(bundle), start=start)
    latents = start.batch(request, (0,))
    return sample_batch(plan, request, (0,), latents=latents, kept=start.kept(latents))


def first_shown(unet: nn.Module, act: Callable[[], Any]) -> Tensor:
    """What the model is shown beside the latents in its first call, once."""
    shown: list[Tensor] = []
    hook = unet.register_forward_hook(lambda _, given, __: shown.append(given[0]))
    act()
    hook.remove()
    assert torch.equal(shown[0][:1, 4:], shown[0][1:, 4:])
    return shown[0][:1, 4:]


def theirs_of(parts: dict[str, Any], texts: list[nn.Module]) -> Any:
    # Their VAE draws from its distribution, ours takes the likeliest: make the two one.
    quant = parts["vae"].quant_conv
    quant.weight[4:], quant.bias[4:] = 0, -30
    return checked(
        StableDiffusionInpaintPipeline(
            **parts, tokenizer=tokenizer("<|endoftext|>"), text_encoder=texts[0], **UNCHECKED
        )
    )


def asked(request: GenerationRequest, mask: Any, **fields: Any) -> dict[str, Any]:
    return {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "guidance_scale": request.cfg_scale,
        "image": Image.fromarray(PHOTO),
        "mask_image": Image.fromarray(mask),
        "width": 64,
        "height": 128,
        "output_type": "latent",
        **fields,
    }


@torch.inference_mode()
def test_latents_are_those_of_diffusers(checkpoint: Callable[[str], Written]) -> None:
    """Euler's kept part moves on the line to the picture, which is where they put it."""
    written = checkpoint("sd1")
    bundle = load_model(
        ModelFiles("sd1", str(written.path), kind="file", family="sd1"), cpu_device()
    )
    request = painting(steps=5, denoising_strength=0.5, exact_steps=True)
    ours = our_latents(bundle, request, PAINTED)
    parts, texts = parts_of(written.parts)
    start = start_picture(bundle, begun(), IMAGES).latents
    theirs = theirs_of(parts, texts)(
        **asked(request, PAINTED, image=start, masked_image_latents=start),
        strength=0.5,
        num_inference_steps=10,
        generator=torch.Generator().manual_seed(SEED),
    ).images
    assert difference(ours, theirs) < CLOSE


@pytest.fixture(scope="module")
def inpaint(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model for inpainting: it is shown 5 channels more."""
    path = tmp_path_factory.mktemp("inpaint") / "inpaint.safetensors"
    return path, write_checkpoint(path, "sd1", in_channels=9)


@torch.inference_mode()
def test_models_for_inpainting_are_told_the_mask_as_in_diffusers(inpaint: Model) -> None:
    bundle = load_bundle(inpaint[0], cpu_device())
    parts, texts = parts_of(inpaint[1])
    pipeline = theirs_of(parts, texts)

    request = painting(steps=1, denoising_strength=1.0, mask_blur=4)
    edge = blurred(EDGED, 4, 4)
    ours = first_shown(bundle.unet, lambda: our_latents(bundle, request, EDGED))
    theirs = first_shown(
        pipeline.unet, lambda: pipeline(**asked(request, edge), num_inference_steps=1)
    )
    assert ours.shape == theirs.shape == (1, 5, 16, 8)
    assert torch.equal(ours[:, :1], theirs[:, :1])
    assert difference(ours[:, 1:], theirs[:, 1:]) < CLOSE
    whole = first_shown(
        bundle.unet,
        lambda: our_latents(bundle, request.model_copy(update={"mask_weight": 0.0}), EDGED),
    )
    assert torch.equal(whole[:, :1], ours[:, :1])
    assert difference(whole[:, 1:], start_picture(bundle, begun(), IMAGES).latents) < CLOSE

    # Where all is painted, there is nothing that we would keep and they not.
    full = np.full_like(PAINTED, 255)
    request = painting(steps=10, denoising_strength=1.0, masked_content="latent nothing")
    latents = our_latents(bundle, request, full)
    parts["scheduler"].set_timesteps(10)
    level = float(parts["scheduler"].sigmas[0] / parts["scheduler"].init_noise_sigma)
    noise = torch.randn((1, 4, 16, 8), generator=torch.Generator().manual_seed(SEED))
    drawn = pipeline(**asked(request, full, latents=noise * level), num_inference_steps=10).images
    assert difference(latents, drawn) < CLOSE


def test_models_for_inpainting_keep_the_rest_bit_by_bit(inpaint: Model) -> None:
    bundle = load_bundle(inpaint[0], cpu_device())
    recorder = Recorder()
    request = painting(steps=2, batch_size=2, sampler="DDIM", mask_weight=0.5)
    generate(bundle, request, None, recorder, images={**IMAGES, "mask": png(EDGED)})
    for picture in recorder.pictures.values():
        assert np.array_equal(picture[EDGED == 0], PHOTO[EDGED == 0])
        assert (picture[EDGED > 0] != PHOTO[EDGED > 0]).mean() > 0.5
