"""What the families of Stable Diffusion are made of, as far as a file's shapes do not tell it.

Widths, channels and vocabulary come from the file, so a narrow model of a family is of that
family; the order of blocks, the heads and the constants stand here. Sources: the published
configurations of "latent-diffusion", "stablediffusion" and "generative-models".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

FamilyName = Literal["sd1", "sd2", "sdxl", "sdxl_refiner"]
Variant = Literal["base", "depth", "ip2p", "inpaint"]

VARIANTS: Mapping[int, Variant] = MappingProxyType({4: "base", 5: "depth", 8: "ip2p", 9: "inpaint"})
"""By the channels that the UNet takes: the latents' 4 and a condition's."""

VOCABULARY = 49408
HEAD_WIDTH = 64
TIME_WIDTH = 256
"""Width of the embedding of each of SDXL's sizes."""

NOISE: Mapping[str, object] = MappingProxyType(
    {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000,
    }
)
"""Scheduler settings of all families."""


@dataclass(frozen=True)
class UNetPlan:
    """multiples: channels of each level by those of the first.

    depths: transformers of each attention of a level, 0 without attention; `middle_depth` is
    that of the block between. heads: of every attention, or None for one per 64 channels.
    """

    multiples: tuple[int, ...]
    depths: tuple[int, ...]
    middle_depth: int
    heads: int | None
    layers_per_block: int = 2
    linear: bool = True
    upcast: bool = False
    sized: bool = False


@dataclass(frozen=True)
class TextPlan:
    """A text encoder. `layers` are those that are used; files may hold more.

    `padding` is the token that fills a prompt up, None for the end mark. `slot`: what files of
    embeddings call it. `taken`: the layer, counted from the end, whose output the model was
    trained with; `normed`: through the final norm; `skips`: whether clip skip chooses another.
    """

    label: str
    prefix: str
    open_clip: bool
    layers: int
    projected: bool
    padding: int | None
    slot: str
    taken: int = 1
    normed: bool = True
    skips: bool = False


@dataclass(frozen=True)
class Family:
    """`native_size`: the pixels of a side that it was trained at; `latent_scale`: its VAE's."""

    name: FamilyName
    unet: UNetPlan
    texts: tuple[TextPlan, ...]
    native_size: int
    latent_scale: float = 0.18215


def big_g(prefix: str) -> TextPlan:
    """SDXL's larger text encoder. Its last layer goes into the pooled vector alone."""
    return TextPlan("OpenCLIP-bigG", prefix, True, 32, True, 0, "clip_g", taken=2, normed=False)


SD1 = Family(
    "sd1",
    UNetPlan((1, 2, 4, 4), (1, 1, 1, 0), 1, heads=8, linear=False),
    (
        TextPlan(
            "CLIP-L", "cond_stage_model.transformer.", False, 12, False, None, "clip_l", skips=True
        ),
    ),
    native_size=512,
)
SD2 = Family(
    "sd2",
    UNetPlan((1, 2, 4, 4), (1, 1, 1, 0), 1, heads=None, upcast=True),
    # Of its 24 layers the last was never used, so none of ours is spent on it.
    (TextPlan("OpenCLIP-H", "cond_stage_model.model.", True, 23, False, 0, "clip_h"),),
    native_size=768,
)
SDXL = Family(
    "sdxl",
    UNetPlan((1, 2, 4), (0, 2, 10), 10, heads=None, sized=True),
    (
        TextPlan(
            "CLIP-L",
            "conditioner.embedders.0.transformer.",
            open_clip=False,
            layers=12,
            projected=False,
            padding=None,
            slot="clip_l",
            taken=2,
            normed=False,
        ),
        big_g("conditioner.embedders.1.model."),
    ),
    native_size=1024,
    latent_scale=0.13025,
)
SDXL_REFINER = Family(
    "sdxl_refiner",
    UNetPlan((1, 2, 4, 4), (0, 4, 4, 0), 4, heads=None, sized=True),
    (big_g("conditioner.embedders.0.model."),),
    native_size=1024,
    latent_scale=0.13025,
)
FAMILIES: Mapping[str, Family] = MappingProxyType(
    {family.name: family for family in (SD1, SD2, SDXL, SDXL_REFINER)}
)
