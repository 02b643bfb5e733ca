"""Pictures of every family's files, against diffusers' own pipelines on the same weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
)
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.hooks import RemovableHandle
from transformers import CLIPTokenizer

from tests.engine.single_file.conftest import Written
from tests.engine.test_pipeline import Recorder
from tests.tiny_checkpoints import write_checkpoint
from webui.core.errors import InkstoneError, ModelFileError
from webui.core.events import ModelFiles
from webui.core.request import GenerationRequest
from webui.engine.bench import first_noise
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_bundle, load_model
from webui.engine.device import cpu_device
from webui.engine.embeddings import Embeddings
from webui.engine.encoding import emphasize
from webui.engine.families import NOISE
from webui.engine.latents import Pixels
from webui.engine.pipeline import generate, sample_batch
from webui.engine.plan import Plan, make_plan
from webui.engine.single_file.load import CLIP_FOLDER
from webui.engine.text_encoder import PromptEncoder

CLOSE = 1e-4
STEPS = 3


def request_for(**fields: object) -> GenerationRequest:
    defaults = {
        "prompt": "a photo of a cat, on a roof",
        "negative_prompt": "blurry",
        "width": 64,
        "height": 128,
        "steps": STEPS,
        "sampler": "Euler",
        "seed": 5,
    }
    return GenerationRequest.model_validate({**defaults, **fields})


@pytest.fixture(scope="module")
def model(checkpoint: Callable[[str], Written]) -> Callable[[str], ModelBundle]:
    """The loaded model of a family. SD2's predicts v."""
    loaded: dict[str, ModelBundle] = {}

    def load(family: str) -> ModelBundle:
        if family not in loaded:
            kind = "v_prediction" if family == "sd2" else "epsilon"
            path = str(checkpoint(family).path)
            files = ModelFiles(family, path, kind="file", family=family, prediction_type=kind)
            loaded[family] = load_model(files, cpu_device())
        return loaded[family]

    return load


def tokenizer(pad: str) -> CLIPTokenizer:
    marks = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>"}
    file = str(CLIP_FOLDER / "tokenizer.json")
    return CLIPTokenizer(tokenizer_file=file, pad_token=pad, model_max_length=77, **marks)


def theirs(written: Written, family: str) -> Any:
    """diffusers' pipeline of the modules that the file was written from."""
    unet, vae, *texts = (copy.deepcopy(module).half().float() for module in written.parts.values())
    scheduler = EulerDiscreteScheduler(
        **NOISE,
        prediction_type="v_prediction" if family == "sd2" else "epsilon",
        timestep_spacing="leading",
        steps_offset=1,
    )
    parts: dict[str, Any] = {"unet": unet, "vae": vae, "scheduler": scheduler}
    first, second = tokenizer("<|endoftext|>"), tokenizer("!")
    if family == "sdxl_refiner":
        both = {"tokenizer": None, "text_encoder": None, "tokenizer_2": second}
        pipeline: Any = StableDiffusionXLImg2ImgPipeline(
            **parts, **both, text_encoder_2=texts[0], requires_aesthetics_score=True
        )
    elif family == "sdxl":
        both = {"tokenizer": first, "text_encoder": texts[0], "tokenizer_2": second}
        pipeline = StableDiffusionXLPipeline(**parts, **both, text_encoder_2=texts[1])
    else:
        pipeline = StableDiffusionPipeline(
            **parts,
            tokenizer=second if family == "sd2" else first,
            text_encoder=texts[0],
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def their_latents(pipeline: Any, request: GenerationRequest, noise: Tensor) -> Tensor:
    pipeline.scheduler.set_timesteps(request.steps)
    level = float(pipeline.scheduler.sigmas[0])
    options: dict[str, Any] = {
        "negative_prompt": request.negative_prompt or None,
        "num_inference_steps": request.steps,
        "guidance_scale": request.cfg_scale,
        "output_type": "latent",
    }
    if isinstance(pipeline, StableDiffusionXLImg2ImgPipeline):
        # Takes latents with their noise in them, and asks for a start that is not the very first.
        size = (request.height, request.width)
        sizes = {"original_size": size, "target_size": size}
        options |= {"image": noise * level, "denoising_start": 0.001, **sizes}
    else:
        options |= {"width": request.width, "height": request.height}
        options["latents"] = noise * (level / float(pipeline.scheduler.init_noise_sigma))
    images: Tensor = pipeline(request.prompt, **options).images
    return images


def difference(ours: Tensor, other: Tensor) -> float:
    return float((ours - other).abs().max() / other.abs().max())


def plan_for(bundle: ModelBundle, request: GenerationRequest, row: Tensor | None = None) -> Plan:
    return make_plan(bundle, request, PromptEncoder(bundle), row)


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl", "sdxl_refiner"])
@torch.inference_mode()
def test_a_picture_is_that_of_diffusers(
    family: str, model: Callable[[str], ModelBundle], checkpoint: Callable[[str], Written]
) -> None:
    bundle, pipeline = model(family), theirs(checkpoint(family), family)
    # Without a negative prompt SDXL is told nothing at all, the others the empty prompt.
    for negative in ("blurry", ""):
        request = request_for(negative_prompt=negative)
        other = their_latents(pipeline, request, first_noise(bundle, request))
        row = pipeline.scheduler.sigmas.double()
        ours = sample_batch(plan_for(bundle, request, row), request, (0,))
        assert difference(ours, other) < CLOSE
    image = pipeline.vae.decode(other / pipeline.vae.config.scaling_factor).sample
    with torch.inference_mode():
        mine = bundle.vae.decode(ours / bundle.latent_scale).sample
    assert difference(mine, image) < 10 * CLOSE


@torch.inference_mode()
def test_what_sdxl_is_told(model: Callable[[str], ModelBundle]) -> None:
    """Both encoders beside each other without clip skip, emphasis on both, the sum unscaled."""
    bundle = model("sdxl")
    encoder = PromptEncoder(bundle)
    told = encoder.encode_all(["a cat", "a (cat:1.5)", "a cat BREAK dog"])
    plain, strong, long = told.values()
    assert plain.rows.shape == (1, 77, 64)
    assert long.rows.shape == (1, 154, 64)
    assert plain.pooled is not None
    assert strong.pooled is not None
    assert torch.equal(strong.pooled, plain.pooled)
    assert torch.allclose(long.pooled, plain.pooled, atol=1e-5)
    weights = torch.ones(1, 77)
    weights[0, 2] = 1.5
    halves = zip(strong.rows.chunk(2, dim=2), plain.rows.chunk(2, dim=2), strict=True)
    for got, half in halves:
        assert torch.allclose(got, emphasize(half, weights), atol=1e-5)
    assert torch.equal(encoder.encode("a cat", 12), plain.rows)
    assert not torch.equal(PromptEncoder(model("sd1")).encode("a cat", 2), plain.rows[..., :32])


@torch.inference_mode()
def test_embeddings_of_sdxl_have_vectors_for_both_encoders(
    model: Callable[[str], ModelBundle], tmp_path: Path
) -> None:
    bundle = model("sdxl")
    ids = bundle.tokenizer.encode("cat dog")
    tables = [part.encoder.get_input_embeddings().weight for part in bundle.texts]
    own = {part.plan.slot: t[ids].clone() for part, t in zip(bundle.texts, tables, strict=True)}
    save_file(own, tmp_path / "mine.safetensors")
    table = model("sd1").texts[0].encoder.get_input_embeddings().weight
    save_file({"emb_params": table[ids].clone()}, tmp_path / "old.safetensors")
    embeddings = Embeddings(tmp_path)
    encoder = PromptEncoder(bundle, embeddings)
    got = encoder.encode("a (mine:1.2) roof")
    assert torch.allclose(got, encoder.encode("a (cat dog:1.2) roof"), atol=1e-5)
    encoder.encode("old")
    assert [m.key for m in encoder.remarks.values()] == ["remark.embedding_other_family"]
    narrow = PromptEncoder(model("sd1"), embeddings)
    assert torch.allclose(narrow.encode("old"), narrow.encode("cat dog"), atol=1e-5)
    narrow.encode("mine")
    assert [m.key for m in narrow.remarks.values()] == ["remark.embedding_family"]


def drawn(bundle: ModelBundle, request: GenerationRequest, **given: object) -> dict[int, Pixels]:
    recorder = Recorder()
    generate(bundle, request, None, recorder, **given)
    return recorder.pictures


def test_a_batch_of_sdxl_is_its_single_pictures(model: Callable[[str], ModelBundle]) -> None:
    request = request_for(prompt="a cat AND a dog BREAK roof :0.6", height=64)
    batch = drawn(model("sdxl"), request.model_copy(update={"batch_size": 2}))
    singles = drawn(model("sdxl"), request.model_copy(update={"batch_count": 2}))
    for index in (0, 1):
        difference_of_colours = np.abs(batch[index].astype(int) - singles[index])
        assert difference_of_colours.max() <= 1
    assert not np.array_equal(batch[0], batch[1])


def sizes_told(bundle: ModelBundle) -> tuple[list[list[float]], RemovableHandle]:
    """The sizes in all calls of a model from now on, and the hook."""
    told: list[list[float]] = []

    def note(_: object, __: object, given: Any) -> None:
        told.extend(given["added_cond_kwargs"]["time_ids"].tolist())

    return told, bundle.unet.register_forward_pre_hook(note, with_kwargs=True)


def test_the_refiner_takes_over_and_passes_know_their_size(
    model: Callable[[str], ModelBundle],
) -> None:
    base, refiner = model("sdxl"), model("sdxl_refiner")
    request = request_for(
        checkpoint="sdxl",
        refiner_checkpoint="sdxl_refiner",
        refiner_switch_at=0.5,
        height=64,
        steps=2,
        hires=True,
        hires_scale=1.5,
        hires_refiner="second",
    )
    by_base, hook = sizes_told(base)
    by_refiner, other_hook = sizes_told(refiner)
    others = {"sdxl_refiner": (refiner, PromptEncoder(refiner))}
    picture = drawn(base, request, others=others)[0]
    hook.remove()
    other_hook.remove()
    assert picture.shape == (96, 96, 3)
    assert by_base[:2] == [[64, 64, 0, 0, 64, 64]] * 2
    assert [96, 96, 0, 0, 96, 96] in by_base
    assert by_refiner[:2] == [[96, 96, 0, 0, 2.5], [96, 96, 0, 0, 6]]
    assert not np.array_equal(
        picture, drawn(base, request.model_copy(update={"refiner_checkpoint": ""}))[0]
    )


def test_models_of_other_latents_are_refused_as_refiner_and_taken_through_pixels(
    model: Callable[[str], ModelBundle],
) -> None:
    other = {"sdxl": (model("sdxl"), PromptEncoder(model("sdxl")))}
    refined = request_for(checkpoint="sd1", refiner_checkpoint="sdxl")
    hires = request_for(checkpoint="sd1", hires=True, hires_checkpoint="sdxl", hires_scale=1.0)
    for request in (refined, hires.model_copy(update={"hires_upscaler": "Latent"})):
        with pytest.raises(InkstoneError) as caught:
            drawn(model("sd1"), request, others=other)
        assert caught.value.message.key == "error.models_differ"
    through = hires.model_copy(update={"hires_upscaler": "Lanczos"})
    assert drawn(model("sd1"), through, others=other)[0].shape == (128, 64, 3)


def test_schedules_have_their_tables_for_sdxl(model: Callable[[str], ModelBundle]) -> None:
    for name, levels in (
        ("Align Your Steps", [14.615, 6.315, 3.771]),
        ("Align Your Steps GITS", [14.615, 4.734, 2.567]),
    ):
        request = request_for(schedule=name, steps=11)
        assert plan_for(model("sdxl"), request).sigmas[:3].tolist() == levels
        assert plan_for(model("sd1"), request).sigmas[1] != levels[1]


@torch.inference_mode()
def test_a_model_for_inpainting_draws_all_anew(tmp_path: Path) -> None:
    path = tmp_path / "inpaint.safetensors"
    write_checkpoint(path, "sd1", in_channels=9)
    bundle = load_bundle(path, cpu_device())
    assert (bundle.variant, bundle.latent_channels) == ("inpaint", 4)
    shown: list[Tensor] = []
    hook = bundle.unet.register_forward_pre_hook(lambda _, given: shown.append(given[0]))
    drawn(bundle, request_for(height=64, steps=1))
    hook.remove()
    grey = bundle.vae.encode(torch.zeros(1, 3, 64, 64)).latent_dist.mode() * 0.18215
    assert shown[0].shape == (2, 9, 8, 8)
    assert torch.equal(shown[0][:, 4], torch.ones(2, 8, 8))
    assert torch.allclose(shown[0][:1, 5:], grey, atol=1e-5)


def test_a_model_that_needs_depths_says_so(tmp_path: Path) -> None:
    path = tmp_path / "depth.safetensors"
    write_checkpoint(path, "sd1", in_channels=5)
    bundle = load_model(ModelFiles("depth", str(path), kind="file", family="sd1"), cpu_device())
    with pytest.raises(InkstoneError) as caught:
        drawn(bundle, request_for())
    assert caught.value.message.key == "error.model_needs_depth"


@pytest.mark.parametrize(("lacking", "part"), [("vae", "vae"), ("text", "text")])
def test_a_part_that_is_missing_is_named(tmp_path: Path, lacking: str, part: str) -> None:
    path, whole = tmp_path / "pruned.safetensors", tmp_path / "whole.safetensors"
    write_checkpoint(path, "sd1", **{lacking: False})
    with pytest.raises(ModelFileError) as caught:
        load_bundle(path, cpu_device())
    assert caught.value.message.key == f"error.model_lacks_{part}"
    if lacking == "vae":
        write_checkpoint(whole, "sd1", seed=1)
        bundle = load_bundle(path, cpu_device(), vae_path=whole)
        assert torch.equal(
            bundle.vae.decoder.conv_in.weight,
            load_bundle(whole, cpu_device()).vae.decoder.conv_in.weight,
        )
