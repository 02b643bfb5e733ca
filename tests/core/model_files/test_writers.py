"""The names and shapes that other tests write are those of diffusers' and transformers' models."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
)
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel

from tests.model_writers import (
    REFINER,
    SD1,
    SD2,
    SDXL,
    Shapes,
    Unet,
    clip,
    inpainting,
    ldm_unet,
    ldm_vae,
    under,
    write_model,
)
from webui.core.model_files.recognise import recognise_file

PREFIX = "model.diffusion_model."


@dataclass(frozen=True)
class Case:
    unet: Unet
    family: str
    settings: dict[str, Any] = field(default_factory=dict)


XL = {"addition_embed_type": "text_time", "addition_time_embed_dim": 256}
CASES = [
    Case(SD1, "sd1"),
    Case(inpainting(SD2), "sd2"),
    Case(
        SDXL,
        "sdxl",
        {
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "transformer_layers_per_block": (1, 2, 10),
            "projection_class_embeddings_input_dim": 2816,
            **XL,
        },
    ),
    Case(
        REFINER,
        "sdxl_refiner",
        {
            "down_block_types": (
                *("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            ),
            "up_block_types": (
                "UpBlock2D",
                "CrossAttnUpBlock2D",
                "CrossAttnUpBlock2D",
                "UpBlock2D",
            ),
            "transformer_layers_per_block": 4,
            "projection_class_embeddings_input_dim": 2560,
            **XL,
        },
    ),
]


def settings_of(case: Case) -> dict[str, Any]:
    return {
        "in_channels": case.unet.in_channels,
        "block_out_channels": tuple(case.unet.width * m for m in case.unet.multiples),
        "cross_attention_dim": case.unet.context,
        "use_linear_projection": case.unet.linear,
        "attention_head_dim": 64,
        **case.settings,
    }


def shapes_of(state: dict[str, torch.Tensor]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def on_meta(shapes: Shapes) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.family)
def test_unets_are_the_same_in_both_layouts(case: Case, tmp_path: Path) -> None:
    with torch.device("meta"):
        model = UNet2DConditionModel(**settings_of(case))
    expected = shapes_of(model.state_dict())
    config = {**model.config, "num_class_embeds": None}

    ours = on_meta(under(PREFIX, ldm_unet(case.unet)))
    assert shapes_of(convert_ldm_unet_checkpoint(ours, config)) == expected

    ldm = recognise_file(write_model(tmp_path / "ldm.safetensors", ldm_unet(case.unet)))
    diffusers = recognise_file(write_model(tmp_path / "diffusers.safetensors", expected))
    assert (ldm.layout, diffusers.layout) == ("ldm", "diffusers")
    assert ldm.unet == diffusers.unet
    assert ldm.families == diffusers.families == (case.family,)
    assert ldm.kind == diffusers.kind == "unet"


def test_the_vae_is_the_same_in_both_layouts(tmp_path: Path) -> None:
    with torch.device("meta"):
        model = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
        )
    expected = shapes_of(model.state_dict())
    ours = on_meta(under("first_stage_model.", ldm_vae()))
    assert shapes_of(convert_ldm_vae_checkpoint(ours, dict(model.config))) == expected

    found = recognise_file(write_model(tmp_path / "vae.safetensors", expected))
    assert (found.kind, found.layout, found.latent_channels) == ("vae", "diffusers", 4)


def test_the_text_encoder_has_the_names_of_transformers() -> None:
    with torch.device("meta"):
        model = CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072))
    state = shapes_of(model.state_dict())
    expected = {name.removeprefix("text_model."): shape for name, shape in state.items()}
    expected.pop("embeddings.position_ids", None)
    assert clip(768, 12) == expected
