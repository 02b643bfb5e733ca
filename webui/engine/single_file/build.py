"""A family's modules without weights, as wide as a file's shapes say."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection

from webui.core.errors import ModelFileError
from webui.engine.bundle import TextEncoder
from webui.engine.families import (
    HEAD_WIDTH,
    TIME_WIDTH,
    VARIANTS,
    VOCABULARY,
    Family,
    TextPlan,
    UNetPlan,
)
from webui.engine.single_file.contents import PartFile
from webui.engine.tokenizer import ClipTokenizer

NORM_GROUPS = 32
VAE_MULTIPLES = (1, 2, 4, 4)


def unet_config(plan: UNetPlan, part: PartFile) -> dict[str, Any]:
    """The settings of a UNet2DConditionModel.

    Raises:
        ModelFileError: a tensor that tells a width is missing, or has a width that no such
            model can have.
    """
    first = part.width("input_blocks.0.0.weight", 0)
    taken = part.width("input_blocks.0.0.weight", 1)
    if taken not in VARIANTS:
        raise _unsupported(part, "in_channels", taken)
    if first % NORM_GROUPS:
        raise _unsupported(part, "model_channels", first)
    channels = [first * multiple for multiple in plan.multiples]
    depths = (*plan.depths[:-1], plan.middle_depth)
    held = [depth > 0 for depth in plan.depths]
    attended = f"input_blocks.{1 + held.index(True) * (plan.layers_per_block + 1)}.1"
    config = {
        "in_channels": taken,
        "out_channels": part.width("out.2.weight", 0),
        "block_out_channels": channels,
        "layers_per_block": plan.layers_per_block,
        "down_block_types": ["CrossAttnDownBlock2D" if h else "DownBlock2D" for h in held],
        "up_block_types": ["CrossAttnUpBlock2D" if h else "UpBlock2D" for h in reversed(held)],
        "transformer_layers_per_block": [max(depth, 1) for depth in depths],
        "attention_head_dim": [plan.heads or _heads(width) for width in channels],
        "cross_attention_dim": part.width(f"{attended}.transformer_blocks.0.attn2.to_k.weight", 1),
        "use_linear_projection": plan.linear,
        "upcast_attention": plan.upcast,
        "norm_num_groups": NORM_GROUPS,
    }
    if plan.sized:
        config["addition_embed_type"] = "text_time"
        config["addition_time_embed_dim"] = TIME_WIDTH
        config["projection_class_embeddings_input_dim"] = part.width("label_emb.0.0.weight", 1)
    if part.find("time_embed.cond_proj.weight"):
        config["time_cond_proj_dim"] = part.width("time_embed.cond_proj.weight", 1)
    return config


def build_unet(family: Family, part: PartFile) -> UNet2DConditionModel:
    """A UNet on the meta device.

    Raises:
        ModelFileError: as `unet_config`.
    """
    config = unet_config(family.unet, part)
    config["sample_size"] = family.native_size // 8
    with torch.device("meta"):
        model: UNet2DConditionModel = UNet2DConditionModel(**config)
    return model


def build_vae(family: Family, part: PartFile) -> AutoencoderKL:
    """An autoencoder on the meta device.

    Raises:
        ModelFileError: a tensor that tells a width is missing, or has a width that no
            autoencoder of SD can have.
    """
    first = part.width("encoder.conv_in.weight", 0)
    if first % NORM_GROUPS:
        raise _unsupported(part, "channels", first)
    levels = len(VAE_MULTIPLES)
    with torch.device("meta"):
        model: AutoencoderKL = AutoencoderKL(
            block_out_channels=tuple(first * multiple for multiple in VAE_MULTIPLES),
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            layers_per_block=2,
            latent_channels=part.width("post_quant_conv.weight", 0),
            norm_num_groups=NORM_GROUPS,
            sample_size=family.native_size,
            scaling_factor=family.latent_scale,
            force_upcast=family.unet.sized,
        )
    return model


def build_text_encoder(plan: TextPlan, part: PartFile, tokenizer: ClipTokenizer) -> TextEncoder:
    """A text encoder on the meta device.

    Raises:
        ModelFileError: a tensor that tells a width is missing, or there are fewer tokens than
            the tokenizer knows.
    """
    names = _OPEN_CLIP_WIDTHS if plan.open_clip else _CLIP_WIDTHS
    tokens = part.width(names["tokens"], 0)
    if tokens < VOCABULARY:
        raise _unsupported(part, "vocab_size", tokens)
    width = part.width(names["tokens"], 1)
    config = CLIPTextConfig(
        vocab_size=tokens,
        hidden_size=width,
        intermediate_size=part.width(names["inner"], 0),
        projection_dim=part.width(names["projection"], 1) if plan.projected else width,
        num_hidden_layers=plan.layers,
        num_attention_heads=_heads(width),
        max_position_embeddings=part.width(names["positions"], 0),
        hidden_act="gelu" if plan.open_clip else "quick_gelu",
        bos_token_id=tokenizer.bos,
        eos_token_id=tokenizer.eos,
        pad_token_id=tokenizer.pad,
    )
    with torch.device("meta"):
        return CLIPTextModelWithProjection(config) if plan.projected else CLIPTextModel(config)


_CLIP_WIDTHS = {
    "tokens": "text_model.embeddings.token_embedding.weight",
    "positions": "text_model.embeddings.position_embedding.weight",
    "inner": "text_model.encoder.layers.0.mlp.fc1.weight",
}
_OPEN_CLIP_WIDTHS = {
    "tokens": "token_embedding.weight",
    "positions": "positional_embedding",
    "inner": "transformer.resblocks.0.mlp.c_fc.weight",
    "projection": "text_projection",
}


def _heads(width: int) -> int:
    return max(width // HEAD_WIDTH, 1)


def _unsupported(part: PartFile, setting: str, got: int) -> ModelFileError:
    return ModelFileError(
        "error.part_unsupported", file=part.file, part=part.label, setting=setting, got=got
    )
