"""Checkpoints of one file at every family's full key structure, but narrow: a few megabytes.

The configurations are those that the makers published for diffusers, with fewer channels.
`python -m tests.tiny_checkpoints FILE FAMILY` writes one without torch in the calling process.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import load_file as load_state
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection

from webui.engine.single_file import text_names, unet_names, vae_names
from webui.engine.single_file.origins import Origin, written

CROSS, PLAIN = "CrossAttnDownBlock2D", "DownBlock2D"
CROSS_UP, PLAIN_UP = "CrossAttnUpBlock2D", "UpBlock2D"
FOUR_LEVELS = {
    "down_block_types": (CROSS, CROSS, CROSS, PLAIN),
    "up_block_types": (PLAIN_UP, CROSS_UP, CROSS_UP, CROSS_UP),
}
SIZED = {
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
}
UNETS: Mapping[str, dict[str, Any]] = {
    "sd1": {
        **FOUR_LEVELS,
        "sample_size": 64,
        "block_out_channels": (320, 640, 1280, 1280),
        "attention_head_dim": 8,
        "cross_attention_dim": 768,
    },
    "sd2": {
        **FOUR_LEVELS,
        "sample_size": 96,
        "block_out_channels": (320, 640, 1280, 1280),
        "attention_head_dim": (5, 10, 20, 20),
        "cross_attention_dim": 1024,
        "use_linear_projection": True,
    },
    "sdxl": {
        **SIZED,
        "sample_size": 128,
        "down_block_types": (PLAIN, CROSS, CROSS),
        "up_block_types": (CROSS_UP, CROSS_UP, PLAIN_UP),
        "block_out_channels": (320, 640, 1280),
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048,
        "transformer_layers_per_block": (1, 2, 10),
        "projection_class_embeddings_input_dim": 2816,
    },
    "sdxl_refiner": {
        **SIZED,
        "sample_size": 128,
        "down_block_types": (PLAIN, CROSS, CROSS, PLAIN),
        "up_block_types": (PLAIN_UP, CROSS_UP, CROSS_UP, PLAIN_UP),
        "block_out_channels": (384, 768, 1536, 1536),
        "attention_head_dim": (6, 12, 24, 24),
        "cross_attention_dim": 1280,
        "transformer_layers_per_block": 4,
        "projection_class_embeddings_input_dim": 2560,
    },
}
VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
}
CLIP_L = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12}
CLIP_H = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23}
CLIP_G = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32}
L_WORDS = {"hidden_act": "quick_gelu", "pad_token_id": 49407}
OPEN_WORDS = {"hidden_act": "gelu", "pad_token_id": 0}
TEXTS: Mapping[str, dict[str, dict[str, Any]]] = {
    "sd1": {"cond_stage_model.transformer.": {**CLIP_L, **L_WORDS}},
    "sd2": {"cond_stage_model.model.": {**CLIP_H, **OPEN_WORDS}},
    "sdxl": {
        "conditioner.embedders.0.transformer.": {**CLIP_L, **L_WORDS},
        "conditioner.embedders.1.model.": {**CLIP_G, **OPEN_WORDS, "projection_dim": 1280},
    },
    "sdxl_refiner": {
        "conditioner.embedders.0.model.": {**CLIP_G, **OPEN_WORDS, "projection_dim": 1280}
    },
}
NARROW_TEXT = 32
NARROW_CHANNELS = 32


def build_unet(
    family: str, *, narrow: bool = True, in_channels: int = 4, guidance: int | None = None
) -> UNet2DConditionModel:
    """The UNet of a family, with a tenth of the channels if it is to be narrow.

    guidance: width of the scale that an LCM is told, None for other models.
    """
    config = dict(UNETS[family])
    if narrow:
        first = config["block_out_channels"][0]
        channels = tuple(c * NARROW_CHANNELS // first for c in config["block_out_channels"])
        config["block_out_channels"] = channels
        config["cross_attention_dim"] = NARROW_TEXT * len(TEXTS[family])
        if config["attention_head_dim"] != 8:
            config["attention_head_dim"] = tuple(max(c // 64, 1) for c in channels)
        if "projection_class_embeddings_input_dim" in config:
            sizes = 6 if family == "sdxl" else 5
            config["projection_class_embeddings_input_dim"] = NARROW_TEXT + sizes * 256
    return UNet2DConditionModel(**config, in_channels=in_channels, time_cond_proj_dim=guidance)


def build_vae(family: str, *, narrow: bool = True) -> AutoencoderKL:
    """The autoencoder of a family."""
    config = dict(VAE)
    if narrow:
        config["block_out_channels"] = (32, 64, 128, 128)
    scale = 0.13025 if family.startswith("sdxl") else 0.18215
    return AutoencoderKL(**config, latent_channels=4, scaling_factor=scale)


def build_text(settings: Mapping[str, Any], *, narrow: bool = True) -> nn.Module:
    """A text encoder, with its projection if `settings` have one."""
    config = {"bos_token_id": 49406, "eos_token_id": 49407, "vocab_size": 49408, **settings}
    config["num_attention_heads"] = config["hidden_size"] // 64
    if narrow:
        config |= {"hidden_size": NARROW_TEXT, "intermediate_size": 64, "num_attention_heads": 1}
    if "projection_dim" in settings:
        config["projection_dim"] = config["hidden_size"]
        return CLIPTextModelWithProjection(CLIPTextConfig(**config))
    return CLIPTextModel(CLIPTextConfig(**config))


def fill(module: nn.Module) -> nn.Module:
    """Random weights for a module on the meta device, of sizes that let it compute sanely."""
    module.to_empty(device="cpu")
    for parameter in module.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, 0.5, 0.1)
        else:
            nn.init.normal_(parameter, 0, parameter[0].numel() ** -0.5)
    for name, buffer in module.named_buffers():
        if name.endswith("position_ids"):
            buffer.copy_(torch.arange(buffer.shape[-1])[None])
    return module.requires_grad_(False).eval()


def modules(
    family: str,
    *,
    narrow: bool = True,
    in_channels: int = 4,
    guidance: int | None = None,
    vae: bool = True,
    text: bool = True,
) -> dict[str, nn.Module]:
    """All parts of a model, on the meta device, by the prefix of their tensors in a file."""
    with torch.device("meta"):
        unet = build_unet(family, narrow=narrow, in_channels=in_channels, guidance=guidance)
        found: dict[str, nn.Module] = {unet_names.PREFIX: unet}
        if vae:
            found[vae_names.PREFIX] = build_vae(family, narrow=narrow)
        if text:
            texts = TEXTS[family].items()
            found |= {prefix: build_text(settings, narrow=narrow) for prefix, settings in texts}
    return found


def origins(prefix: str, module: nn.Module) -> dict[str, Origin]:
    """Where the file has the tensors of a part, given its prefix."""
    names = module.state_dict()
    if prefix == unet_names.PREFIX:
        return unet_names.unet_origins(names, 2)
    if prefix == vae_names.PREFIX:
        return vae_names.vae_origins(names, 4)
    if prefix.endswith(".model."):
        return text_names.open_clip_origins(names)
    return text_names.clip_origins(names)


def ldm_state(parts: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """The tensors of a checkpoint as its file has them, those that nobody needs included."""
    state: dict[str, Tensor] = {}
    for prefix, module in parts.items():
        stored = written(origins(prefix, module), module.state_dict())
        if prefix == vae_names.PREFIX:
            stored = {name: _as_convolution(name, t) for name, t in stored.items()}
        state |= {prefix + name: tensor for name, tensor in stored.items()}
    if "cond_stage_model.transformer." in parts:
        name = "cond_stage_model.transformer.text_model.embeddings.position_ids"
        state[name] = torch.arange(77)[None]
    state["alphas_cumprod"] = torch.linspace(1, 0, 1000)
    return state


def _as_convolution(name: str, tensor: Tensor) -> Tensor:
    attention = ".mid.attn_1." in name and tensor.ndim == 2
    return tensor[:, :, None, None] if attention else tensor


def write_checkpoint(
    path: Path,
    family: str,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float16,
    metadata: Mapping[str, str] | None = None,
    **which: Any,
) -> dict[str, nn.Module]:
    """Writes a narrow checkpoint with random weights; returns its parts, in full precision.

    which: as for `modules`. The random state of the calling program stays as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = {prefix: fill(module) for prefix, module in modules(family, **which).items()}
    state = {name: _stored(tensor, dtype) for name, tensor in ldm_state(parts).items()}
    save_file(state, path, metadata=None if metadata is None else dict(metadata))
    return parts


def write_pickle(path: Path, family: str = "sd1") -> None:
    """Writes a narrow checkpoint as programs did before there was safetensors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = path.with_suffix(".part")
    write_checkpoint(plain, family)
    torch.save({"state_dict": load_state(plain)}, path)
    plain.unlink()


def _stored(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous()


if __name__ == "__main__":
    write_checkpoint(Path(sys.argv[1]), sys.argv[2])
