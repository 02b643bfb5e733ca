"""LoRAs and their relatives: the method, the rank, and the family that they were made for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from webui.core.model_files.hints import family_of_metadata
from webui.core.model_files.listing import Listing
from webui.core.model_files.recognition import Adapter, Layout

METHODS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("lora", (".lora_down.weight", ".lora_A.weight")),
    ("loha", (".hada_w1_a",)),
    ("lokr", (".lokr_w1", ".lokr_w1_a")),
    (
        "lora",
        (
            "lora.down.weight",
            ".lora_linear_layer.down.weight",
            ".lora_A.default.weight",
            ".lora_A",
        ),
    ),
    ("oft", (".oft_blocks", ".oft_diag", ".oft_R.weight")),
    ("glora", (".a1.weight",)),
    ("ia3", (".on_input",)),
    ("full", (".diff", ".diff_b")),
)
"""Method, and what the names of its tensors end in. The
likely ones first; LyCORIS (Yeh et al. 2023) has names for most of them."""

RANKED = (
    ".lora_down.weight",
    ".lora_A.weight",
    ".lora_A.default.weight",
    ".lora_A",
    "lora.down.weight",
    ".lora_linear_layer.down.weight",
    ".hada_w1_b",
    ".lokr_w1_b",
    ".lokr_w2_b",
    ".a2.weight",
)
"""Tensors whose axis 0 is the rank."""

CROSS = re.compile(
    r"attn2[._](?:processor[._])?to_k"
    r"(?:[._]lora[._]down\.weight|\.lora_A(?:\.default)?\.weight|\.lora_linear_layer\.down\.weight"
    r"|\.hada_w1_b|\.diff)(?=\n)"
)
"""The part that takes the text embedding in; axis 1 is as long as the embedding is wide."""

WIDTHS: Mapping[int, str] = MappingProxyType(
    {768: "sd1", 1024: "sd2", 2048: "sdxl", 1280: "sdxl_refiner"}
)

SECOND_ENCODER = re.compile(r"\n(?:lora_te2_|text_encoder_2\.)")
DEEP = re.compile(r"mid(?:dle_block_1|_block[._]attentions[._]0)[._]transformer_blocks[._]9[._]")
"""SDXL's middle has ten transformer blocks, the other families' has one or four."""

OUTER = re.compile(r"(?:down_blocks[._]0[._]attentions[._]0|input_blocks[._]1[._]1)[._]")
"""The outermost level has attention in SD1 and SD2 only."""

TEXT = r"\n(?:lora_te_|text_encoder\.)[^\n]*"
TEXT_FC1 = re.compile(
    TEXT + r"mlp[._]fc1(?:\.lora_down\.weight|\.lora_A(?:\.default)?\.weight"
    r"|\.lora\.down\.weight|\.lora_linear_layer\.down\.weight|\.hada_w1_b)(?=\n)"
)
SD2_TEXT = re.compile(TEXT + r"layers[._](?:1[2-9]|2\d)[._]")
SD1_TEXT = re.compile(TEXT + r"layers[._]11[._]")

FOREIGN: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("hunyuan_video", re.compile("individual_token_refiner")),
    ("flux", re.compile(r"(?:double|single|single_transformer)_blocks[._]\d")),
    ("sd3", re.compile(r"joint_blocks[._]\d|attn[._]add_[qk]_proj")),
    ("qwen_image", re.compile(r"transformer_blocks[._]\d+[._]img_mod")),
    ("wan", re.compile(r"blocks[._]\d+[._](?:self_attn|cross_attn)[._][qkvo]\.")),
)
UNET = re.compile(r"\n(?:lora_unet_|lycoris_|unet\.|down_blocks|mid_block|up_blocks)")
ANY_TEXT = ("lora_te", "text_encoder")
KOHYA = re.compile(r"\n(?:lora_|lycoris_)")


def adapter_of(listing: Listing) -> Adapter | None:
    """The method and the reach of a LoRA; None if it is none."""
    for method, endings in METHODS:
        if any(listing.any_ending(ending) for ending in endings):
            return Adapter(
                method,
                rank=listing.largest_first_axis(RANKED)
                if method not in ("ia3", "oft", "full")
                else 0,
                dora=listing.any_ending(".dora_scale"),
                unet=bool(listing.first(UNET)),
                text_encoder=any(listing.any_under(start) for start in ANY_TEXT),
            )
    return None


def layout_of_adapter(listing: Listing) -> Layout:
    """How its tensors are named: by kohya's scripts, or by peft's and diffusers' modules."""
    return "kohya" if listing.first(KOHYA) else "peft"


def family_of_adapter(listing: Listing, metadata: Mapping[str, str]) -> str:
    """The family that it was made for: by shapes, by names, at last by metadata; or ""."""
    cross = listing.first(CROSS)
    if cross:
        family = WIDTHS.get(listing.size(cross, 1))
        if family:
            return family
    return _family_by_names(listing) or family_of_metadata(metadata)


def _family_by_names(listing: Listing) -> str:
    if listing.first(SECOND_ENCODER) or listing.first(DEEP):
        return "sdxl"
    for family, pattern in FOREIGN:
        if listing.first(pattern):
            return family
    width = listing.size(listing.first(TEXT_FC1), 1)
    if listing.first(SD2_TEXT):
        return "sd2"
    if width in (768, 1024):
        return WIDTHS[width]
    # SDXL's first encoder has 12 layers too, but kohya's scripts call it lora_te1.
    if listing.first(OUTER) and listing.first(SD1_TEXT):
        return "sd1"
    return ""
