"""From the UNet to `denoise(x, sigma) -> x0`. Everything about a model hides behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

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
) -> Denoiser:
    """The bare model: latents x = x0 + sigma * noise to its estimate of x0.

    context: (B, T, D) text embeddings, one per latent of the calls to come. distilled: how many
    timesteps the model is to be asked at, the nearest for each level; None for all and between.
    added: what it is told beside the text, see `webui.engine.sizes`; (B, …) each. beside: what it
    is shown beside the latents, (1, C', h, w).

    epsilon: x0 = x - sigma * eps. v: x0 = x / (sigma² + 1) - v * sigma / sqrt(sigma² + 1)
    (Salimans and Ho 2022, "Progressive distillation", in Karras' coordinates).
    """
    unet, dtype = bundle.unet, bundle.device.dtype
    told: dict[str, Any] = {"cross_attention_kwargs": {"memory": TextMemory()}}
    if added:
        told["added_cond_kwargs"] = dict(added)
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


def _timestep(sigma: Tensor, levels: Tensor, known: Tensor | None) -> Tensor:
    if known is None:
        return sigmas_to_timesteps(sigma, levels)
    return known[(levels[known].log() - sigma.log()).abs().argmin()]
