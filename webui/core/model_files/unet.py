"""UNets of Stable Diffusion, by their tensors: in LDM's names and in diffusers'."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from webui.core.model_files.listing import Listing
from webui.core.model_files.recognition import UnetForm, Variant

LDM_PREFIXES = ("model.diffusion_model.", "")
VARIANTS: Mapping[int, Variant] = MappingProxyType(
    {4: "base", 5: "depth", 7: "x4_upscaler", 8: "ip2p", 9: "inpaint"}
)
"""By the channels that go in: the latent's four, and depth (1), a small picture (3), the picture
to change (4), or mask and masked picture (1 + 4)."""

MOST_BLOCKS = 64


def ldm_unet(listing: Listing) -> UnetForm | None:
    """The UNet in LDM's names, `listing` being under its prefix. None if there is none.

    ControlNets in LDM's names have the same way down and are read by this as well; their
    `out_channels` are 0.
    """
    if not listing.shape("input_blocks.0.0.weight"):
        return None
    levels: list[tuple[int, list[int]]] = []
    fresh = True
    for number in range(1, MOST_BLOCKS):
        block = f"input_blocks.{number}"
        channels = listing.size(f"{block}.0.out_layers.3.weight", 0)
        if channels:
            if fresh:
                levels.append((channels, []))
            levels[-1][1].append(listing.count(block + ".1.transformer_blocks.{}.norm1.weight"))
            fresh = False
        elif f"{block}.0.op.weight" in listing:
            fresh = True
        else:
            break
    attention = next(
        (
            f"input_blocks.{n}.1."
            for n in range(1, MOST_BLOCKS)
            if f"input_blocks.{n}.1.proj_in.weight" in listing
        ),
        "middle_block.1.",
    )
    return _form(
        listing,
        levels,
        attention,
        first="input_blocks.0.0.weight",
        last="out.2.weight",
        middle="middle_block.1.transformer_blocks.{}.norm1.weight",
        vector="label_emb.0.0.weight",
        guidance="time_embed.cond_proj.weight",
    )


def diffusers_unet(listing: Listing) -> UnetForm | None:
    """The same for diffusers' names, ControlNets again included."""
    if not listing.shape("conv_in.weight") or "down_blocks.0.resnets.0.conv1.weight" not in listing:
        return None
    levels: list[tuple[int, list[int]]] = []
    attention = ""
    for level in range(MOST_BLOCKS):
        block = f"down_blocks.{level}"
        count = listing.count(block + ".resnets.{}.conv1.weight")
        if not count:
            break
        depths = [
            listing.count(f"{block}.attentions.{n}.transformer_blocks." + "{}.norm1.weight")
            for n in range(count)
        ]
        levels.append((listing.size(f"{block}.resnets.0.conv1.weight", 0), depths))
        if depths[0] and not attention:
            attention = f"{block}.attentions.0."
    vectors = ("add_embedding.linear_1.weight", "class_embedding.linear_1.weight")
    return _form(
        listing,
        levels,
        attention or "mid_block.attentions.0.",
        first="conv_in.weight",
        last="conv_out.weight",
        middle="mid_block.attentions.0.transformer_blocks.{}.norm1.weight",
        vector=next((name for name in vectors if name in listing), vectors[0]),
        guidance="time_embedding.cond_proj.weight",
    )


def _form(
    listing: Listing,
    levels: list[tuple[int, list[int]]],
    attention: str,
    *,
    first: str,
    last: str,
    middle: str,
    vector: str,
    guidance: str,
) -> UnetForm | None:
    if not levels or len(listing.shape(first)) != 4:
        return None
    return UnetForm(
        in_channels=listing.size(first, 1),
        out_channels=listing.size(last, 0),
        channels=tuple(channels for channels, _ in levels),
        blocks=len(levels[0][1]),
        depths=tuple(depths[0] for _, depths in levels),
        mid_depth=listing.count(middle),
        context=listing.size(f"{attention}transformer_blocks.0.attn2.to_k.weight", 1),
        linear=len(listing.shape(f"{attention}proj_in.weight")) == 2,
        vector=listing.size(vector, 1),
        guidance=listing.size(guidance, 1),
        uniform=all(len(set(depths)) == 1 for _, depths in levels),
    )


def family_of_unet(form: UnetForm) -> str:
    """The family by where the transformers are; "" if it is none of Stable Diffusion's.

    Only SD1 projects by 1x1 convolutions. SD2 has transformers from the outermost level on; SDXL
    has none there and most of them innermost, the refiner none innermost either.
    """
    if form.in_channels == 7:
        return "sd_x4_upscaler"
    if not form.context:
        return ""
    if not form.linear:
        return "sd1"
    if form.depths[0]:
        return "sd2"
    if not form.vector:
        return ""
    return "sdxl" if form.depths[-1] else "sdxl_refiner"


def variant_of_unet(form: UnetForm, family: str, listing: Listing) -> Variant:
    """What goes into the UNet besides the latent."""
    if listing.any_with(".fuser.linear.weight"):
        return "gligen"
    if family in ("sd1", "sd2") and form.vector:
        return "unclip"
    return VARIANTS.get(form.in_channels, "other")
