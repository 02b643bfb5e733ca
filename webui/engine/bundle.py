"""`ModelBundle`: a loaded checkpoint with everything that drawing needs to know about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor
from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection

from webui.engine.device import Device
from webui.engine.families import Family, TextPlan, Variant
from webui.engine.memory import Memory
from webui.engine.tokenizer import ClipTokenizer

PredictionType = Literal["epsilon", "v_prediction"]
TextEncoder = CLIPTextModel | CLIPTextModelWithProjection


@dataclass(frozen=True, eq=False)
class TextPart:
    """A text encoder, the tokenizer that goes with it, and how its family uses it."""

    encoder: TextEncoder
    tokenizer: ClipTokenizer
    plan: TextPlan

    @property
    def width(self) -> int:
        """Numbers per token."""
        return int(self.encoder.config.hidden_size)


@dataclass(frozen=True, eq=False)
class ModelBundle:
    """The parts of a checkpoint, on their device and in its number format.

    `sigmas`: (1000,) float64 on the CPU, ascending: the noise level of every timestep.
    `memory`: the device's, which brings each part there when it is to work. `vae_factor`: pixels
    per latent cell, 8 for SD. `name` is the checkpoint's, for people. `texts`: one or two, whose
    outputs stand side by side. `variant`: what the UNet is shown beside the latents.
    """

    name: str
    device: Device
    memory: Memory
    family: Family
    variant: Variant
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    texts: tuple[TextPart, ...]
    sigmas: Tensor
    prediction_type: PredictionType
    latent_channels: int
    latent_scale: float
    vae_factor: int

    @property
    def tokenizer(self) -> ClipTokenizer:
        """All of a model's tokenizers give the same tokens; they differ in what they pad with."""
        return self.texts[0].tokenizer

    @property
    def guides_itself(self) -> bool:
        """Whether the UNet is told the scale of the guidance, instead of being asked twice."""
        return bool(self.unet.config["time_cond_proj_dim"])

    @property
    def text_layers(self) -> int | None:
        """How far clip skip can go; None for families that take no notice of it."""
        counts = [int(t.encoder.config.num_hidden_layers) for t in self.texts if t.plan.skips]
        return min(counts) if counts else None
