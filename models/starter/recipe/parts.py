"""The model's parts as diffusers and transformers know them, built new or read from a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel

from recipe.profiles import Profile
from recipe.tokenizer import POSITIONS

DIFFUSERS_WEIGHTS = "diffusion_pytorch_model.safetensors"
TEXT_WEIGHTS = "model.safetensors"
TOKEN_TABLE_SCALE = 10.0
"""CLIP's tokens start out 0.02 wide; ten times that, words are told apart from the first step."""


def build_vae(profile: Profile) -> AutoencoderKL:
    """f8, 4 latent channels, no attention: a picture of this size needs none."""
    channels = profile.vae_channels
    levels = len(channels)
    return AutoencoderKL(
        block_out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=next(g for g in (8, 4, 2, 1) if all(c % g == 0 for c in channels)),
        mid_block_add_attention=False,
        sample_size=profile.size,
        scaling_factor=1.0,
    )


def build_unet(profile: Profile) -> UNet2DConditionModel:
    """SD1's UNet, narrower; levels without attention are the finest, where it costs most."""
    attention = profile.unet_attention
    return UNet2DConditionModel(
        sample_size=profile.size // 8,
        block_out_channels=profile.unet_channels,
        layers_per_block=1,
        down_block_types=tuple("CrossAttnDownBlock2D" if a else "DownBlock2D" for a in attention),
        up_block_types=tuple("CrossAttnUpBlock2D" if a else "UpBlock2D" for a in attention[::-1]),
        cross_attention_dim=profile.text_width,
        attention_head_dim=tuple(c // profile.head_width for c in profile.unet_channels),
        norm_num_groups=profile.norm_groups,
    )


def build_text_encoder(profile: Profile, tokens: int) -> CLIPTextModel:
    """SD1's text encoder, narrower. The last two tokens are the begin and the end mark."""
    model = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=tokens,
            hidden_size=profile.text_width,
            intermediate_size=4 * profile.text_width,
            projection_dim=profile.text_width,
            num_hidden_layers=profile.text_layers,
            num_attention_heads=max(profile.text_width // 64, 1),
            max_position_embeddings=POSITIONS,
            bos_token_id=tokens - 2,
            eos_token_id=tokens - 1,
            pad_token_id=tokens - 1,
        )
    )
    for name, weight in model.named_parameters():
        if name.endswith("token_embedding.weight"):
            weight.data *= TOKEN_TABLE_SCALE
    return model


def start_from(module: nn.Module, file: Path) -> int:
    """Fills a module with what fits from a weights file; returns how many tensors did.

    Tensors of another name or shape are left as they are, so that a wider model or another
    vocabulary can still begin from an older model.
    """
    stored = load_file(file)
    own = module.state_dict()
    fitting = {
        name: stored[found].to(tensor.dtype)
        for name, tensor in own.items()
        for found in [_found(name, stored)]
        if found is not None and stored[found].shape == tensor.shape
    }
    module.load_state_dict(fitting, strict=False)
    return len(fitting)


def _found(name: str, stored: Mapping[str, Tensor]) -> str | None:
    for known in (name, f"text_model.{name}", name.removeprefix("text_model.")):
        if known in stored:
            return known
    return None
