"""What a model file turns out to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "checkpoint",
    "unet",
    "vae",
    "taesd",
    "text_encoder",
    "image_encoder",
    "embedding",
    "lora",
    "controlnet",
    "t2i_adapter",
    "ip_adapter",
    "motion",
    "hypernetwork",
    "upscaler",
    "unknown",
]
Layout = Literal["ldm", "diffusers", "kohya", "peft", "transformers", "openclip", "plain"]
Variant = Literal["base", "inpaint", "ip2p", "depth", "unclip", "x4_upscaler", "gligen", "other"]
PredictionType = Literal["epsilon", "v_prediction", "edm", "edm_v"]
Basis = Literal["keys", "metadata", "sidecar", "name", "family", "default"]
Part = Literal["unet", "vae", "text_encoder", "text_encoder_2", "ema"]

SUPPORTED_FAMILIES = frozenset({"sd1", "sd2", "sdxl", "sdxl_refiner"})
SUPPORTED_VARIANTS = frozenset({"base", "inpaint", "ip2p", "depth"})
SUPPORTED_PREDICTIONS = frozenset({"epsilon", "v_prediction"})


@dataclass(frozen=True)
class Prediction:
    """What the network predicts, and how that is known.

    `basis`: a marker key in the file, its metadata, a file beside it, the file's name, the
    family (which knows no other), or merely the `default`, which may be wrong.
    `zero_snr`: the schedule ends in pure noise (Lin et al. 2023).
    """

    type: PredictionType
    basis: Basis
    zero_snr: bool = False


@dataclass(frozen=True)
class Distilled:
    """A distillation for few steps (`lcm`, `turbo`, `lightning` ...), and how that is known."""

    kind: str
    basis: Basis


@dataclass(frozen=True)
class UnetForm:
    """The shape of a UNet as far as its tensors tell; they don't tell the width of a head.

    `channels`: of each level, from the outside; `blocks`: resnets of a level on the way down;
    `depths`: transformer blocks after a resnet of each level; `context`: width of the text
    embedding; `linear`: whether the projections around the transformers are linear maps rather
    than 1x1 convolutions; `vector`: width of the pooled and size conditioning, 0 without;
    `guidance`: width of an embedded guidance scale (LCM), 0 without; `uniform`: all resnets of
    a level have the same depth after them, which pruned models (SSD-1B) lack.
    """

    in_channels: int
    out_channels: int
    channels: tuple[int, ...]
    blocks: int
    depths: tuple[int, ...]
    mid_depth: int
    context: int
    linear: bool
    vector: int = 0
    guidance: int = 0
    uniform: bool = True


@dataclass(frozen=True)
class Adapter:
    """A LoRA or a relative of it. `rank`: the largest; 0 if the method has none."""

    method: str
    rank: int = 0
    dora: bool = False
    unet: bool = True
    text_encoder: bool = False


@dataclass(frozen=True)
class Embedding:
    """`vectors` of a textual inversion and the `widths` of the encoders that it is for."""

    vectors: int
    widths: tuple[int, ...]


@dataclass(frozen=True)
class Upscaler:
    """`scale`: how many times larger; 0 if the shapes don't tell."""

    architecture: str
    scale: int = 0


@dataclass(frozen=True)
class Recognition:
    """What a file is.

    `families`: those that it fits, one if that is known; a VAE of SD fits several, and files of
    other projects have their own names here. `dtypes`: of the stored numbers, the most first.
    `version`: which encoder, ControlNet ... it is, where that has a name.
    """

    kind: Kind
    layout: Layout = "plain"
    families: tuple[str, ...] = ()
    variant: Variant = "base"
    dtypes: tuple[str, ...] = ()
    parts: frozenset[Part] = field(default_factory=frozenset)
    prediction: Prediction | None = None
    distilled: Distilled | None = None
    unet: UnetForm | None = None
    adapter: Adapter | None = None
    embedding: Embedding | None = None
    upscaler: Upscaler | None = None
    version: str = ""
    latent_channels: int = 0

    @property
    def family(self) -> str | None:
        """The family if there is just one that it can be of."""
        return self.families[0] if len(self.families) == 1 else None

    @property
    def supported(self) -> bool:
        """Whether this program can draw with a file of this kind, family and variant."""
        if self.kind == "unknown":
            return False
        families = bool(SUPPORTED_FAMILIES & set(self.families))
        if not self.families:  # which an upscaler need not have, but a model that draws must
            families = self.kind not in ("checkpoint", "unet")
        prediction = self.prediction is None or self.prediction.type in SUPPORTED_PREDICTIONS
        return families and prediction and self.variant in SUPPORTED_VARIANTS
