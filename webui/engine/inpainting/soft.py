"""Soft inpainting: grey parts of the mask are painted by degrees.

Instead of all or nothing, each cell keeps its own in the measure of the mask, more or less
strictly as the noise level falls; two latents are mixed so that the mixture is no weaker than
they are; and in the end that shows which has changed.

n is the mask of a cell (1 = painted), sigma the noise level, a and b two latents of a cell
(vectors of C numbers), |.| their length.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from webui.core.request import GenerationRequest

LEAST = 1e-6
"""Stands for 0 where something is divided by it."""

STEEPNESS = 8
"""How many times the pixel mask what has changed may show, so that it ends where the mask does."""


@dataclass(frozen=True)
class Soft:
    """What a person set; the field names of the request without "soft_"."""

    schedule_bias: float
    preservation: float
    contrast: float
    mask_influence: float
    difference_threshold: float
    difference_contrast: float

    def at_level(self, nmask: Tensor, sigma: float) -> Tensor:
        """The mask at a noise level: n ** (sigma ** schedule_bias * preservation).

        At high levels the kept part is held, at low ones the painted part grows into it. What is
        not painted at all (n = 0) stays so at every level, and with a preservation of 0.
        """
        power: float = sigma**self.schedule_bias * self.preservation
        return torch.where(nmask > 0, nmask**power, nmask)

    def mixed(self, kept: Tensor, painted: Tensor, share: Tensor) -> Tensor:
        """`share` of the way from a (kept) to b (painted), (B, C, h, w) each, at full strength.

        The direction is that of the line, a (1 - s) + b s. A mean of two unlike vectors is
        shorter than they are, which shows as grey; so its length is set to the power mean
        (|a|^c (1 - s) + |b|^c s)^(1 / c), with the contrast c: 1 goes evenly from one length to
        the other, a higher one comes nearer to the greater of both.
        """
        line = kept.lerp(painted, share)
        lengths = [one.norm(dim=1, keepdim=True) for one in (kept, painted)]
        # Of lengths up to 1, so that high powers stay within the number format.
        unit = torch.maximum(*lengths).clamp(min=LEAST)
        first, second = ((length / unit) ** self.contrast for length in lengths)
        wanted = first.lerp(second, share) ** (1 / self.contrast) * unit
        strong = line * (wanted / line.norm(dim=1, keepdim=True).clamp(min=LEAST))
        return torch.where(share <= 0, kept, torch.where(share >= 1, painted, strong))

    def changed(self, nmask: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """How much of each cell's new picture shows, (B, 1, h, w) float32 in 0 … 1, on the CPU.

        Of the distance d = |after - before|, evened out over neighbours, it is
        1 / (1 + (t / d) ** difference_contrast) with t = difference_threshold *
        ((1 - n) / n) ** mask_influence: half of what differs by t, more of what differs more. With
        influence the mask moves t: where it is full all shows, where it is empty nothing.
        """
        # On the CPU: some devices have no numbers wide enough for these powers.
        distance = _evened((after - before).cpu().double().norm(dim=1, keepdim=True))
        inside = nmask.cpu().double().clamp(LEAST, 1 - LEAST)
        odds = ((1 - inside) / inside) ** self.mask_influence
        limit = self.difference_threshold * odds
        share = 1 / (1 + (limit / distance.clamp(min=LEAST)) ** self.difference_contrast)
        return share.float()


def soft_of(request: GenerationRequest) -> Soft | None:
    """The request's soft inpainting; None where it is off."""
    if not request.soft_inpainting:
        return None
    return Soft(
        request.soft_schedule_bias,
        request.soft_preservation,
        request.soft_contrast,
        request.soft_mask_influence,
        request.soft_difference_threshold,
        request.soft_difference_contrast,
    )


def _evened(distance: Tensor) -> Tensor:
    """(B, 1, h, w) with weights 1, 2, 1 in both directions; edges are continued."""
    wide = pad(distance, (1, 1, 1, 1), mode="replicate")
    return avg_pool2d(avg_pool2d(wide, 2, stride=1), 2, stride=1)
