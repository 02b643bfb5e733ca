"""Estimates of one picture under several prompts, combined into one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def combine(
    uncond: Tensor | None, conds: Sequence[Tensor], weights: Sequence[float], cfg_scale: float
) -> Tensor:
    """Classifier-free guidance (Ho and Salimans 2022), away from one prompt, towards several.

    x0 = uncond + cfg_scale * sum of weight_i * (cond_i - uncond); all (B, C, h, w). With several
    prompts it is the conjunction of Liu et al. 2022, "Compositional visual generation".
    `uncond` None stands for a prompt whose share comes to nothing: then x0 is the sum of
    weight_i * cond_i.
    """
    if uncond is None:
        if len(conds) == 1:
            return conds[0]
        return torch.stack([c * weight for c, weight in zip(conds, weights, strict=True)]).sum(0)
    result = uncond
    for index, (cond, weight) in enumerate(zip(conds, weights, strict=True)):
        scale = cfg_scale * weight
        if index:
            result = torch.add(result, cond - uncond, alpha=scale)
        else:
            # Interpolates: one kernel, and the least rounding for the usual single prompt.
            result = uncond.lerp(cond, scale)
    return result
