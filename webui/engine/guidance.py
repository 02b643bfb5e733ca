"""Estimates of one picture under several prompts, combined into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Guidance:
    """How far pictures are led away from the negative prompt, and when not at all.

    cfg_scale: see `combine`. calls: calls of the model that the pass expects. ngms: below this
    noise level every second call goes without guidance, or each with `ngms_all_steps` ("negative
    guidance minimum sigma"); 0 is off. skip_early: share of the calls at the beginning that do;
    0 is off. rescale: see `rescaled`. told: the scale for a model that guides itself.
    image_scale: see `towards_image`; 1 asks for nothing more.
    """

    cfg_scale: float
    calls: int = 1
    ngms: float = 0.0
    ngms_all_steps: bool = False
    skip_early: float = 0.0
    rescale: float = 0.0
    told: float = 1.0
    image_scale: float = 1.0

    def skipped(self, call: int, sigma: float) -> bool:
        """Whether call `call`, counted from 0, at this noise level leaves the negative prompt out.

        Then neither is the model asked about it, nor does cfg_scale count.
        """
        if self.skip_early and call / self.calls <= self.skip_early:
            return True
        return sigma < self.ngms and (self.ngms_all_steps or call % 2 == 1)

    def guide(
        self,
        uncond: Tensor | None,
        conds: Sequence[Tensor],
        weights: Sequence[float],
        blind: Tensor | None = None,
    ) -> Tensor:
        """The estimates as one; arguments are those of `combine` and `towards_image`."""
        guided = combine(uncond, conds, weights, self.cfg_scale)
        if uncond is not None and blind is not None:
            guided = towards_image(guided, uncond, blind, self.image_scale)
        if uncond is None or not self.rescale:
            return guided
        return rescaled(guided, combine(uncond, conds, weights, 1.0), self.rescale)


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


def towards_image(guided: Tensor, uncond: Tensor, blind: Tensor, scale: float) -> Tensor:
    """The guided estimate, led on towards the picture that the model is shown; (B, C, h, w) each.

    Brooks et al. 2023, "InstructPix2Pix", equation 3: blind + scale * (uncond - blind) +
    cfg_scale * (cond - uncond), where `uncond` is the estimate of the negative prompt beside the
    picture and `blind` that without it. `guided` has all of it for a scale of 1.
    """
    return torch.add(guided, uncond - blind, alpha=scale - 1)


def unguided(conds: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """The estimate where the negative prompt was left out: the prompt's alone.

    Of several prompts the first stands in for the negative one, at a scale of 1.
    """
    return conds[0] if len(conds) == 1 else combine(conds[0], conds, weights, 1.0)


def rescaled(guided: Tensor, cond: Tensor, share: float) -> Tensor:
    """`guided` with its contrast brought towards that of `cond`; both (B, C, h, w).

    Lin et al. 2023, "Common diffusion noise schedules and sample steps are flawed", equations
    15 and 16, on estimates of x0: x = share * guided * std(cond) / std(guided) + (1 - share) *
    guided, with the standard deviation of each picture.
    """
    dims = (1, 2, 3)
    ratio = cond.std(dims, keepdim=True) / guided.std(dims, keepdim=True)
    return guided * (share * ratio + (1 - share))
