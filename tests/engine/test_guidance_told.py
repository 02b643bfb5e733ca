"""A model that is told the scale of its guidance (LCM), against diffusers' own pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import LatentConsistencyModelPipeline, LCMScheduler
from torch import Tensor, nn

from tests.engine.single_file.test_pictures import difference, request_for, tokenizer
from tests.tiny_checkpoints import write_checkpoint
from webui.core.model_files.recognise import recognise_file
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_bundle
from webui.engine.denoiser import scale_embedding
from webui.engine.device import cpu_device
from webui.engine.families import NOISE
from webui.engine.plan import denoiser_for, make_plan
from webui.engine.text_encoder import PromptEncoder

SCALE = 6.5


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, nn.Module]]:
    path = tmp_path_factory.mktemp("lcm") / "plain-name.safetensors"
    return path, write_checkpoint(path, "sd1", guidance=63)


@pytest.fixture(scope="module")
def bundle(written: tuple[Path, dict[str, nn.Module]]) -> ModelBundle:
    return load_bundle(written[0], cpu_device())


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def calls_of_diffusers(
    parts: dict[str, nn.Module], prompt: str
) -> list[tuple[Tensor, int, Tensor]]:
    """(latents, timestep, prediction) of each call of the UNet."""
    unet, vae, text = (module.half().float() for module in parts.values())
    pipeline: Any = LatentConsistencyModelPipeline(
        unet=unet,
        vae=vae,
        text_encoder=text,
        tokenizer=tokenizer("<|endoftext|>"),
        scheduler=LCMScheduler(**NOISE, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    seen: list[tuple[Tensor, int, Tensor]] = []
    hook = unet.register_forward_hook(
        lambda _, given, made: seen.append((given[0], int(given[1]), made[0]))
    )
    pipeline(prompt, 64, 64, num_inference_steps=3, guidance_scale=SCALE, output_type="latent")
    hook.remove()
    return seen


def test_a_call_is_that_of_diffusers(
    bundle: ModelBundle, written: tuple[Path, dict[str, nn.Module]]
) -> None:
    fields: dict[str, Any] = {"sampler": "LCM", "height": 64, "cfg_scale": SCALE}
    request = request_for(**fields)
    plan = make_plan(bundle, request, PromptEncoder(bundle))
    denoise = denoiser_for(plan, request, 1)
    other = request_for(**{**fields, "cfg_scale": 1.0})
    untold = denoiser_for(make_plan(bundle, other, PromptEncoder(bundle)), other, 1)
    rows: list[int] = []
    hook = bundle.unet.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))
    calls = calls_of_diffusers(written[1], request.prompt)
    assert len(calls) == 3
    for latents, timestep, prediction in calls:
        sigma = bundle.sigmas[timestep]
        x = latents.double() * (sigma**2 + 1) ** 0.5
        told, not_told = ((x - model(x, sigma)) / sigma for model in (denoise, untold))
        assert difference(told, prediction) < 2e-5
        assert difference(not_told, prediction) > 5e-4  # random weights hardly listen
    hook.remove()
    assert set(rows) == {1}  # the negative prompt is not asked about


@pytest.mark.parametrize("width", [64, 63])
def test_a_scale_is_embedded_as_diffusers_does(width: int) -> None:
    theirs = LatentConsistencyModelPipeline.get_guidance_scale_embedding
    for scale in (0.0, 0.5, 7.0):
        wanted = theirs(None, torch.tensor([scale]), embedding_dim=width)
        assert torch.equal(scale_embedding(scale, width), wanted)


def test_such_a_model_is_recognised_by_its_keys(
    written: tuple[Path, dict[str, nn.Module]],
) -> None:
    distilled = recognise_file(written[0]).distilled
    assert distilled is not None
    assert (distilled.kind, distilled.basis) == ("lcm", "keys")
