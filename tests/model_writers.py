"""Model files whose headers are those of real models, at full width, and whose data is a hole.

The tensors are the real ones by name, type and shape; the bytes after the header are a hole in a
sparse file, all zeros, so a checkpoint of seven gigabytes takes a few hundred kilobytes of disk.
`tests/core/model_files/test_writers.py` compares the names and shapes with diffusers' models.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

from webui.core.model_files.entries import BITS

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Unet:
    """What makes a UNet in LDM's configuration files."""

    in_channels: int = 4
    width: int = 320
    multiples: tuple[int, ...] = (1, 2, 4, 4)
    depths: tuple[int, ...] = (1, 1, 1, 0)
    mid_depth: int = 1
    context: int = 768
    linear: bool = False
    vector: int = 0
    blocks: int = 2


SD1 = Unet()
SD2 = Unet(context=1024, linear=True)
SDXL = Unet(
    multiples=(1, 2, 4), depths=(0, 2, 10), mid_depth=10, context=2048, linear=True, vector=2816
)
REFINER = Unet(width=384, depths=(0, 4, 4, 0), mid_depth=4, context=1280, linear=True, vector=2560)


def write_model(
    path: Path,
    shapes: Mapping[str, tuple[int, ...]],
    dtype: str = "F16",
    metadata: Mapping[str, str] | None = None,
    dtypes: Mapping[str, str] | None = None,
    spaced: bool = False,
) -> Path:
    """Writes a safetensors file of that header over a hole. `dtypes` are exceptions by name."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    position = 0
    for name, shape in shapes.items():
        kind = (dtypes or {}).get(name, dtype)
        end = position + prod(shape) * BITS[kind] // 8
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(header, separators=None if spaced else (",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return write_raw(path, text, position)


def write_raw(path: Path, header: bytes, data_size: int = 0, length: int | None = None) -> Path:
    """Writes any bytes as a header, with that length before them, over a hole of that size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write((len(header) if length is None else length).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + data_size)
    return path


def under(prefix: str, shapes: Mapping[str, tuple[int, ...]]) -> Shapes:
    """The same tensors with a prefix to their names."""
    return {prefix + name: shape for name, shape in shapes.items()}


def sd1_checkpoint(unet: Unet = SD1) -> Shapes:
    """A whole SD1 file in LDM's layout, the schedule's buffers included."""
    return {
        "alphas_cumprod": (1000,),
        "betas": (1000,),
        **under("cond_stage_model.transformer.text_model.", clip(768, 12)),
        **under("first_stage_model.", ldm_vae()),
        **under("model.diffusion_model.", ldm_unet(unet)),
    }


def sd2_checkpoint(unet: Unet = SD2) -> Shapes:
    """A whole SD2 file in LDM's layout."""
    return {
        "betas": (1000,),
        **under("cond_stage_model.model.", open_clip(1024, 24)),
        **under("first_stage_model.", ldm_vae()),
        **under("model.diffusion_model.", ldm_unet(unet)),
    }


def sdxl_checkpoint(unet: Unet = SDXL) -> Shapes:
    """A whole SDXL base file in its original layout."""
    return {
        **under("conditioner.embedders.0.transformer.text_model.", clip(768, 12)),
        **under("conditioner.embedders.1.model.", open_clip(1280, 32)),
        **under("first_stage_model.", ldm_vae()),
        **under("model.diffusion_model.", ldm_unet(unet)),
    }


def refiner_checkpoint() -> Shapes:
    """A whole SDXL refiner file in its original layout."""
    return {
        **under("conditioner.embedders.0.model.", open_clip(1280, 32)),
        **under("first_stage_model.", ldm_vae()),
        **under("model.diffusion_model.", ldm_unet(REFINER)),
    }


def inpainting(unet: Unet) -> Unet:
    """The same with mask and masked picture as further input."""
    return replace(unet, in_channels=9)


def ldm_unet(unet: Unet) -> Shapes:
    """The tensors of a UNet by LDM's names."""
    shapes = {**ldm_way_down(unet)}
    widths = [unet.width * multiple for multiple in unet.multiples]
    skips = _skips(unet)
    channels = widths[-1]
    number = 0
    for level in reversed(range(len(widths))):
        for block in range(unet.blocks + 1):
            name = f"output_blocks.{number}"
            shapes |= under(f"{name}.0.", _resnet(channels + skips.pop(), widths[level], unet))
            channels = widths[level]
            if unet.depths[level]:
                shapes |= under(f"{name}.1.", _transformer(channels, unet.depths[level], unet))
            if level and block == unet.blocks:
                place = 2 if unet.depths[level] else 1
                shapes |= _layer(f"{name}.{place}.conv", (channels, channels, 3, 3))
            number += 1
    return shapes | _norm("out.0", unet.width) | _layer("out.2", (4, unet.width, 3, 3))


def ldm_way_down(unet: Unet) -> Shapes:
    """All of it up to the middle, which a ControlNet has as well."""
    emb = unet.width * 4
    shapes = _layer("time_embed.0", (emb, unet.width)) | _layer("time_embed.2", (emb, emb))
    if unet.vector:
        shapes |= _layer("label_emb.0.0", (emb, unet.vector)) | _layer("label_emb.0.2", (emb, emb))
    shapes |= _layer("input_blocks.0.0", (unet.width, unet.in_channels, 3, 3))
    channels = unet.width
    number = 1
    for level, multiple in enumerate(unet.multiples):
        for _ in range(unet.blocks):
            name = f"input_blocks.{number}"
            shapes |= under(f"{name}.0.", _resnet(channels, unet.width * multiple, unet))
            channels = unet.width * multiple
            if unet.depths[level]:
                shapes |= under(f"{name}.1.", _transformer(channels, unet.depths[level], unet))
            number += 1
        if level < len(unet.multiples) - 1:
            shapes |= _layer(f"input_blocks.{number}.0.op", (channels, channels, 3, 3))
            number += 1
    shapes |= under("middle_block.0.", _resnet(channels, channels, unet))
    shapes |= under("middle_block.1.", _transformer(channels, unet.mid_depth, unet))
    return shapes | under("middle_block.2.", _resnet(channels, channels, unet))


def ldm_controlnet(unet: Unet) -> Shapes:
    """A ControlNet by LDM's names, shortened where every one is alike: its hint and exits."""
    exits = {
        f"zero_convs.{n}.0.weight": (width, width, 1, 1) for n, width in enumerate(_skips(unet))
    }
    return ldm_way_down(unet) | exits | _layer("input_hint_block.0", (16, 3, 3, 3))


def clip(width: int, layers: int) -> Shapes:
    """CLIP's text encoder by transformers' names."""
    shapes: Shapes = {
        "embeddings.position_embedding.weight": (77, width),
        "embeddings.token_embedding.weight": (49408, width),
    }
    for number in range(layers):
        layer: Shapes = {}
        for part in ("k_proj", "out_proj", "q_proj", "v_proj"):
            layer |= _layer(f"self_attn.{part}", (width, width))
        layer |= _norm("layer_norm1", width) | _norm("layer_norm2", width)
        layer |= _layer("mlp.fc1", (4 * width, width)) | _layer("mlp.fc2", (width, 4 * width))
        shapes |= under(f"encoder.layers.{number}.", layer)
    return shapes | _norm("final_layer_norm", width)


def open_clip(width: int, layers: int) -> Shapes:
    """CLIP's text encoder by OpenCLIP's names."""
    shapes: Shapes = {
        "positional_embedding": (77, width),
        "text_projection": (width, width),
        "logit_scale": (),
        "token_embedding.weight": (49408, width),
    }
    for number in range(layers):
        layer: Shapes = {
            "attn.in_proj_weight": (3 * width, width),
            "attn.in_proj_bias": (3 * width,),
        }
        layer |= _layer("attn.out_proj", (width, width))
        layer |= _norm("ln_1", width) | _norm("ln_2", width)
        layer |= _layer("mlp.c_fc", (4 * width, width)) | _layer("mlp.c_proj", (width, 4 * width))
        shapes |= under(f"transformer.resblocks.{number}.", layer)
    return shapes | _norm("ln_final", width)


def ldm_vae(latent: int = 4) -> Shapes:
    """The autoencoder by LDM's names."""
    widths = (128, 256, 512, 512)
    shapes = _layer("encoder.conv_in", (128, 3, 3, 3)) | _layer(
        "decoder.conv_in", (512, latent, 3, 3)
    )
    channels = 128
    for level, width in enumerate(widths):
        for block in range(2):
            shapes |= under(f"encoder.down.{level}.block.{block}.", _vae_block(channels, width))
            channels = width
        if level < 3:
            shapes |= _layer(f"encoder.down.{level}.downsample.conv", (width, width, 3, 3))
    for level, width in reversed(list(enumerate(widths))):
        for block in range(3):
            shapes |= under(f"decoder.up.{level}.block.{block}.", _vae_block(channels, width))
            channels = width
        if level:
            shapes |= _layer(f"decoder.up.{level}.upsample.conv", (width, width, 3, 3))
    for side, last in (("encoder", (2 * latent, 512, 3, 3)), ("decoder", (3, 128, 3, 3))):
        for block in ("block_1", "block_2"):
            shapes |= under(f"{side}.mid.{block}.", _vae_block(512, 512))
        shapes |= _norm(f"{side}.mid.attn_1.norm", 512)
        for part in ("q", "k", "v", "proj_out"):
            shapes |= _layer(f"{side}.mid.attn_1.{part}", (512, 512, 1, 1))
        shapes |= _norm(f"{side}.norm_out", last[1]) | _layer(f"{side}.conv_out", last)
    shapes |= _layer("quant_conv", (2 * latent, 2 * latent, 1, 1))
    return shapes | _layer("post_quant_conv", (latent, latent, 1, 1))


def kohya_lora(unet: Unet, rank: int = 16, prefix: str = "lora_unet_") -> Shapes:
    """A LoRA of a UNet's transformers, its modules by LDM's names as for SDXL."""
    shapes: Shapes = {}
    for name, shape in ldm_unet(unet).items():
        if len(shape) == 2 and "transformer_blocks" in name:
            module = prefix + name.removesuffix(".weight").replace(".", "_")
            shapes[f"{module}.alpha"] = ()
            shapes[f"{module}.lora_down.weight"] = (rank, shape[1])
            shapes[f"{module}.lora_up.weight"] = (shape[0], rank)
    return shapes


def _skips(unet: Unet) -> list[int]:
    found = [unet.width]
    for level, multiple in enumerate(unet.multiples):
        found += [unet.width * multiple] * unet.blocks
        if level < len(unet.multiples) - 1:
            found.append(unet.width * multiple)
    return found


def _resnet(before: int, after: int, unet: Unet) -> Shapes:
    shapes = _norm("in_layers.0", before) | _layer("in_layers.2", (after, before, 3, 3))
    shapes |= _layer("emb_layers.1", (after, unet.width * 4)) | _norm("out_layers.0", after)
    shapes |= _layer("out_layers.3", (after, after, 3, 3))
    return shapes | (_layer("skip_connection", (after, before, 1, 1)) if before != after else {})


def _transformer(channels: int, depth: int, unet: Unet) -> Shapes:
    outer = (channels, channels) if unet.linear else (channels, channels, 1, 1)
    shapes = _norm("norm", channels) | _layer("proj_in", outer) | _layer("proj_out", outer)
    for number in range(depth):
        block = dict(_attention("attn1", channels, channels))
        block |= dict(_attention("attn2", channels, unet.context))
        block |= _layer("ff.net.0.proj", (8 * channels, channels))
        block |= _layer("ff.net.2", (channels, 4 * channels))
        for norm in ("norm1", "norm2", "norm3"):
            block |= _norm(norm, channels)
        shapes |= under(f"transformer_blocks.{number}.", block)
    return shapes


def _attention(name: str, channels: int, context: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.to_q.weight", (channels, channels)
    yield f"{name}.to_k.weight", (channels, context)
    yield f"{name}.to_v.weight", (channels, context)
    yield from _layer(f"{name}.to_out.0", (channels, channels)).items()


def _vae_block(before: int, after: int) -> Shapes:
    shapes = _norm("norm1", before) | _layer("conv1", (after, before, 3, 3))
    shapes |= _norm("norm2", after) | _layer("conv2", (after, after, 3, 3))
    return shapes | (_layer("nin_shortcut", (after, before, 1, 1)) if before != after else {})


def _layer(name: str, shape: tuple[int, ...]) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _norm(name: str, channels: int) -> Shapes:
    return {f"{name}.weight": (channels,), f"{name}.bias": (channels,)}
