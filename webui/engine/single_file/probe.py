"""What a UNet predicts, where its file does not say."""

from __future__ import annotations

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

LAST_TIMESTEP = 999
SIDE = 32
"""Cells of latents to try out on: enough numbers for a clear answer, and soon computed."""

ALIKE = 0.5


def predicts_velocity(unet: UNet2DConditionModel) -> bool:
    """Whether a UNet that takes latents and text alone predicts v rather than epsilon.

    At the last timestep its input is noise and hardly anything else. A model that predicts
    epsilon hence gives back what it gets; v = alpha epsilon - sigma x0 is then nearly -x0, and
    unlike the input (Salimans & Ho 2022, "Progressive distillation", appendix D).
    """
    place, dtype = unet.device, unet.dtype
    generator = torch.Generator().manual_seed(0)
    shape = (1, int(unet.config["in_channels"]), SIDE, SIDE)
    noise = torch.randn(shape, generator=generator)
    text = torch.zeros(1, 77, int(unet.config["cross_attention_dim"]), dtype=dtype, device=place)
    with torch.inference_mode():
        given = unet(noise.to(place, dtype), LAST_TIMESTEP, text).sample.float().cpu()
    taken = noise[:, : given.shape[1]]
    return bool(torch.cosine_similarity(taken.flatten(), given.flatten(), dim=0) < ALIKE)
