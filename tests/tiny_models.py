"""A real Stable Diffusion of a few hundred thousand random weights, saved as a diffusers folder.

`python -m tests.tiny_models FOLDER` writes one without torch in the calling process. Pictures
are noise, but every class, file and shape is that of a real SD1 checkpoint. Native size 64x64.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from tokenizers.pre_tokenizers import ByteLevel
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel

BOS, EOS = "<|startoftext|>", "<|endoftext|>"
MERGES = (("c", "a"), ("ca", "t</w>"), ("d", "o"), ("do", "g</w>"))
"""Enough for "cat" and "dog" to be one token each; everything else is spelled in bytes."""


def write_tokenizer(folder: Path) -> int:
    """Writes vocab.json and merges.txt in CLIP's format; returns the number of tokens."""
    alphabet = sorted(ByteLevel.alphabet())
    words = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    words += ["".join(pair) for pair in MERGES] + [BOS, EOS]
    folder.mkdir(parents=True)
    vocabulary = {word: index for index, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    merges = "\n".join(["#version: 0.2", *(" ".join(pair) for pair in MERGES), ""])
    (folder / "merges.txt").write_text(merges, encoding="utf-8")
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": EOS,
        "unk_token": EOS,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return len(words)


def write_text_encoder(folder: Path, tokens: int) -> None:
    """Writes a CLIP text encoder, 32 wide, with 3 layers."""
    config = CLIPTextConfig(
        vocab_size=tokens,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=tokens - 2,
        eos_token_id=tokens - 1,
        pad_token_id=tokens - 1,
    )
    model = CLIPTextModel(config)
    # Fresh norms give every token the mean 0, as no trained encoder does; emphasis divides by it.
    torch.nn.init.normal_(model.final_layer_norm.weight, 1.0, 0.2)
    torch.nn.init.normal_(model.final_layer_norm.bias, 0.05, 0.2)
    model.save_pretrained(folder)


def write_unet(folder: Path) -> None:
    """Writes a UNet with SD's blocks: two levels, cross-attention at both."""
    UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=2,
        norm_num_groups=8,
    ).save_pretrained(folder)


def write_vae(folder: Path) -> None:
    """Writes an autoencoder with SD's factor of 8 and 4 latent channels."""
    AutoencoderKL(
        block_out_channels=(4, 8, 8, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=64,
        mid_block_add_attention=False,
        scaling_factor=0.18215,
    ).save_pretrained(folder)


def write_scheduler(folder: Path, prediction_type: str) -> None:
    """Writes the scheduler settings of SD1.5."""
    settings = {
        "_class_name": "DDIMScheduler",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000,
        "prediction_type": prediction_type,
        "set_alpha_to_one": False,
        "steps_offset": 1,
        "clip_sample": False,
        "timestep_spacing": "leading",
    }
    folder.mkdir(parents=True)
    (folder / "scheduler_config.json").write_text(json.dumps(settings), encoding="utf-8")


def build_tiny_model(folder: Path, *, seed: int = 0, prediction_type: str = "epsilon") -> Path:
    """Writes a whole model into `folder` (which must not exist yet) and returns it.

    Other seeds give other weights. The random state of the calling program stays as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokens = write_tokenizer(folder / "tokenizer")
        write_text_encoder(folder / "text_encoder", tokens)
        write_unet(folder / "unet")
        write_vae(folder / "vae")
    write_scheduler(folder / "scheduler", prediction_type)
    parts = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
    }
    (folder / "model_index.json").write_text(json.dumps(parts), encoding="utf-8")
    return folder


if __name__ == "__main__":
    build_tiny_model(Path(sys.argv[1]))
