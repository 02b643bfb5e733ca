"""From the UNet to `denoise(x, sigma) -> x0`. Everything about a model hides behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from webui.engine.attention import TextMemory
from webui.engine.bundle import ModelBundle
from webui.engine.samplers import Denoiser
from webui.engine.schedules import distilled_timesteps, sigmas_to_timesteps


def model_denoiser(
    bundle: ModelBundle,
    context: Tensor,
    distilled: int | None = None,
    *,
    added: Mapping[str, Tensor] | None = None,
    beside: Tensor | None = None,
    scale_told: float = 1.0,
) -> Denoiser:
    """The bare model: latents x = x0 + sigma * noise to its estimate of x0.

    context: (B, T, D) text embeddings, one per latent of the calls to come. distilled: how many
    timesteps the model is to be asked at, the nearest for each level; None for all and between.
    added: what it is told beside the text, see `webui.engine.sizes`; (B, …) each. beside: what it
    is shown beside the latents, (1, C', h, w) or (B, C', h, w). scale_told: cfg_scale, for
    models that guide themselves.

    epsilon: x0 = x - sigma * eps. v: x0 = x / (sigma² + 1) - v * sigma / sqrt(sigma² + 1)
    (Salimans and Ho 2022, "Progressive distillation", in Karras' coordinates).
    """
    unet, dtype = bundle.unet, bundle.device.dtype
    told: dict[str, Any] = {"cross_attention_kwargs": {"memory": TextMemory()}}
    if added:
        told["added_cond_kwargs"] = dict(added)
    if bundle.guides_itself:
        width = int(unet.config["time_cond_proj_dim"])
        row = scale_embedding(scale_told - 1, width).to(context.device, dtype)
        told["timestep_cond"] = row.expand(len(context), -1)
    known = None if distilled is None else distilled_timesteps(len(bundle.sigmas), distilled)
    predicts_v = bundle.prediction_type == "v_prediction"

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        bundle.memory.bring(unet)
        level = float(sigma)
        timestep = float(_timestep(sigma, bundle.sigmas, known))
        scale = (level**2 + 1) ** -0.5
        time = torch.full((len(x),), timestep, device=x.device)
        model_in = (x * scale).to(dtype)
        if beside is not None:
            model_in = torch.cat([model_in, beside.to(dtype).expand(len(x), -1, -1, -1)], dim=1)
        output = unet(model_in, time, context, return_dict=False, **told)[0].to(x.dtype)
        skip, out = (scale**2, -level * scale) if predicts_v else (1.0, -level)
        return torch.add(x * skip, output, alpha=out)

    return denoise


def scale_embedding(scale: float, width: int) -> Tensor:
    """What a model that guides itself is told of the guidance, (1, width) float32.

    Luo et al. 2023, "Latent consistency models", section 4.2: sines and cosines as of a timestep
    of 1000 `scale`, where 0 is no guidance, so that it is one below cfg_scale.
    """
    half = width // 2
    # In single precision, as such models were trained: angles are large, and their rounding shows.
    rates = torch.exp(torch.arange(half) * -(torch.tensor(10000.0).log() / max(half - 1, 1)))
    angles = torch.tensor(scale) * 1000.0 * rates
    return nn.functional.pad(torch.cat([angles.sin(), angles.cos()]), (0, width % 2))[None]


def _timestep(sigma: Tensor, levels: Tensor, known: Tensor | None) -> Tensor:
    if known is None:
        return sigmas_to_timesteps(sigma, levels)
    return known[(levels[known].log() - sigma.log()).abs().argmin()]
