"""Single parts: VAEs, TAESD, text encoders, embeddings, ControlNets and other adapters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from webui.core.model_files.listing import Listing
from webui.core.model_files.recognition import Embedding, Layout, Recognition
from webui.core.model_files.unet import diffusers_unet, family_of_unet, ldm_unet

LATENT_FAMILIES: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {4: ("sd1", "sd2", "sdxl", "sdxl_refiner"), 16: ("sd3", "flux"), 32: ("flux2",)}
)
"""By the channels of a latent. SD1's and SDXL's VAEs have the same shapes."""

ENCODERS: Mapping[int, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        768: ("clip_l", ("sd1", "sdxl")),
        1024: ("clip_h", ("sd2",)),
        1280: ("clip_g", ("sdxl", "sdxl_refiner")),
    }
)
"""Width of a text encoder: its name, the families that use it."""

EMBEDDING_FAMILIES: Mapping[tuple[int, ...], tuple[str, ...]] = MappingProxyType(
    {
        (768,): ("sd1",),
        (1024,): ("sd2",),
        (1280,): ("sdxl_refiner",),
        (768, 1280): ("sdxl",),
    }
)

VAE_PREFIXES = ("first_stage_model.", "", "vae.")
TAESD_SHAPES: tuple[tuple[str, int], ...] = (
    ("decoder.layers.0.weight", 1),
    ("taesd_decoder.1.weight", 1),
    ("decoder.1.weight", 1),
    ("1.weight", 1),
)
"""First convolutions of a TAESD decoder; axis 1 is the latent's channels."""

TAESD_ENCODER = "0.weight"
T2I_ADAPTERS = (
    "adapter.body.0.resnets.0.block1.weight",
    "adapter.body.1.in_conv.weight",
    "body.0.in_conv.weight",
)
HYPERNETWORK = re.compile(r"\n(?:320|640|768|1024|1280)\.[01]\.linear\.\d+\.weight(?=\n)")
MOST_VECTORS = 1000
MODULE_TENSORS = (".weight", ".bias", ".diff", ".diff_b")
"""How tensors of modules are called, and words that an embedding is for are not."""

CONTEXT_TO_FAMILY: Mapping[int, str] = MappingProxyType(
    {768: "sd1", 1024: "sd2", 2048: "sdxl", 1280: "sdxl_refiner"}
)


def vae_of(listing: Listing) -> Recognition | None:
    """A VAE in LDM's or diffusers' names; `decoder` alone is enough."""
    for prefix in VAE_PREFIXES:
        part = listing.under(prefix)
        channels = part.size("decoder.conv_in.weight", 1)
        if not channels or len(part.shape("decoder.conv_in.weight")) != 4:
            continue
        families = LATENT_FAMILIES.get(channels, ())
        if "decoder.up.0.block.0.conv1.weight" in part:
            return Recognition("vae", "ldm", families, latent_channels=channels)
        if "decoder.up_blocks.0.resnets.0.conv1.weight" in part:
            return Recognition("vae", "diffusers", families, latent_channels=channels)
    return None


def taesd_of(listing: Listing) -> Recognition | None:
    """A tiny autoencoder (https://github.com/madebyollin/taesd), or one half of it."""
    for name, axis in TAESD_SHAPES:
        shape = listing.shape(name)
        if len(shape) == 4 and shape[0] == 64 and shape[axis] in LATENT_FAMILIES:
            layout: Layout = "diffusers" if name.startswith("decoder.layers") else "plain"
            families = LATENT_FAMILIES[shape[axis]]
            version = "" if listing.any_with("encoder.") else "decoder"
            return Recognition(
                "taesd", layout, families, version=version, latent_channels=shape[axis]
            )
    if listing.shape(TAESD_ENCODER) == (64, 3, 3, 3) and "1.conv.0.weight" in listing:
        last = max((n for n in range(64) if f"{n}.weight" in listing), default=0)
        channels = listing.size(f"{last}.weight", 0)
        families = LATENT_FAMILIES.get(channels, ())
        return Recognition("taesd", "plain", families, version="encoder", latent_channels=channels)
    return None


def text_encoder_of(listing: Listing) -> Recognition | None:
    """A CLIP text encoder in transformers' or OpenCLIP's names, or a T5."""
    for prefix in ("text_model.", "transformer.text_model.", ""):
        width = listing.size(f"{prefix}encoder.layers.0.mlp.fc1.weight", 1)
        if width and f"{prefix}embeddings.token_embedding.weight" in listing:
            version, families = ENCODERS.get(width, ("", ()))
            return Recognition("text_encoder", "transformers", families, version=version)
    if "token_embedding.weight" in listing:
        width = listing.size("transformer.resblocks.0.attn.in_proj_weight", 1)
        if width:
            version, families = ENCODERS.get(width, ("", ()))
            return Recognition("text_encoder", "openclip", families, version=version)
    if "encoder.block.0.layer.0.SelfAttention.q.weight" in listing:
        return Recognition("text_encoder", "transformers", ("sd3", "flux"), version="t5")
    if "vision_model.encoder.layers.0.layer_norm1.weight" in listing:
        return Recognition("image_encoder", "transformers")
    return None


def embedding_of(listing: Listing) -> Recognition | None:
    """A textual inversion: a few vectors as wide as a text encoder, or as both of SDXL's."""
    if len(listing) > 4:
        return None
    shapes = {name: listing.shape(name) for name in listing.names()}
    if "clip_g" in shapes and "clip_l" in shapes:
        return _embedding([shapes["clip_l"], shapes["clip_g"]])
    if "emb_params" in shapes:
        return _embedding([shapes["emb_params"]])
    named = [shape for name, shape in shapes.items() if name.startswith("string_to_param.")]
    if named:
        return _embedding(named[:1])
    if len(shapes) == 1 and not next(iter(shapes)).endswith(MODULE_TENSORS):
        return _embedding(list(shapes.values()))
    return None


def _embedding(shapes: list[tuple[int, ...]]) -> Recognition | None:
    if not all(1 <= len(shape) <= 2 and shape[-1] in ENCODERS for shape in shapes):
        return None
    widths = tuple(shape[-1] for shape in shapes)
    vectors = max(shape[0] if len(shape) == 2 else 1 for shape in shapes)
    if not 1 <= vectors <= MOST_VECTORS:
        return None
    families = EMBEDDING_FAMILIES.get(widths, ())
    return Recognition("embedding", "plain", families, embedding=Embedding(vectors, widths))


def controlnet_of(listing: Listing) -> Recognition | None:
    """A ControlNet in LDM's or diffusers' names, a control-LoRA, or a T2I adapter."""
    if "lora_controlnet" in listing:
        width = _context_of_lora(listing)
        return Recognition("controlnet", "ldm", _families(width), version="control_lora")
    for prefix in ("control_model.", ""):
        part = listing.under(prefix)
        if "zero_convs.0.0.weight" in part and (form := ldm_unet(part)):
            families = (family_of_unet(form),)
            return Recognition("controlnet", "ldm", families, unet=form)
    if "controlnet_down_blocks.0.weight" in listing and (form := diffusers_unet(listing)):
        version = "union" if "task_embedding" in listing else ""
        families = (family_of_unet(form),)
        return Recognition("controlnet", "diffusers", families, unet=form, version=version)
    if any(name in listing for name in T2I_ADAPTERS):
        return Recognition("t2i_adapter", "diffusers")
    if "conv_in.weight" in listing and "body.0.block1.weight" in listing:
        return Recognition("t2i_adapter", "ldm")
    return None


def ip_adapter_of(listing: Listing) -> Recognition | None:
    """An IP-Adapter; those for faces hold LoRAs as well."""
    if "ip_adapter.1.to_k_ip.weight" not in listing:
        return None
    width = listing.size("ip_adapter.1.to_k_ip.weight", 1)
    return Recognition("ip_adapter", "plain", _families(width))


def other_adapter_of(listing: Listing) -> Recognition | None:
    """Motion modules and hypernetworks."""
    if listing.any_with(".temporal_transformer.") and listing.any_with("motion_modules."):
        return Recognition("motion", "plain")
    if listing.first(HYPERNETWORK):
        return Recognition("hypernetwork", "plain")
    return None


def _context_of_lora(listing: Listing) -> int:
    """The width of the text embedding that a control-LoRA takes in."""
    for number in (1, 4):
        name = f"input_blocks.{number}.1.transformer_blocks.0.attn2.to_k.down"
        if width := listing.size(name, 1):
            return width
    return 0


def _families(width: int) -> tuple[str, ...]:
    family = CONTEXT_TO_FAMILY.get(width)
    return (family,) if family else ()
