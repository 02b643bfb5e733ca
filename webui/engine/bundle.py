"""`ModelBundle`: a loaded checkpoint with everything that drawing needs to know about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor
from transformers.models.clip.modeling_clip import CLIPTextModel

from webui.engine.device import Device
from webui.engine.tokenizer import ClipTokenizer

PredictionType = Literal["epsilon", "v_prediction"]


@dataclass(frozen=True, eq=False)
class ModelBundle:
    """The parts of a checkpoint, on their device and in its number format.

    `sigmas`: (1000,) float64 on the CPU, ascending: the noise level of every timestep.
    `vae_factor`: pixels per latent cell, 8 for SD. `name` is the checkpoint's, for people.
    """

    name: str
    device: Device
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: ClipTokenizer
    sigmas: Tensor
    prediction_type: PredictionType
    latent_channels: int
    latent_scale: float
    vae_factor: int
    text_layers: int
