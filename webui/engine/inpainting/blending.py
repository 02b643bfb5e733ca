"""Each step holds the kept part of the picture where it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from webui.engine.inpainting.soft import Soft
from webui.engine.samplers.step import TwoSidedDenoiser


@dataclass(frozen=True, eq=False)
class Kept:
    """The latents to be kept: (B, C, h, w), where they are painted, (1, 1, h, w), and how."""

    latents: Tensor
    nmask: Tensor
    soft: Soft | None

    def blended(self, x: Tensor, sigma: float) -> Tensor:
        """The kept part in its place: x * nmask + kept * (1 - nmask), or softly."""
        if self.soft is None:
            return self.latents.lerp(x, self.nmask)
        return self.soft.mixed(self.latents, x, self.soft.at_level(self.nmask, sigma))

    def finished(self, x: Tensor) -> Tensor:
        """The end of a pass: one last blend, so that no cell of the kept part has moved.

        Soft inpainting leaves it out, and decides by what has changed.
        """
        return x if self.soft is not None else self.latents.lerp(x, self.nmask)


Estimates = tuple[Tensor, Tensor]


class KeepingDenoiser:
    """A denoiser that foresees the kept part as it is.

    For samplers of noise levels the estimate is blended, after guidance. For samplers of
    timesteps (`before`) what the model is shown is: it sees the kept part without noise, in its
    own coordinates, x / sqrt(1 + sigma²); the noise that it finds is taken from the sampler's own
    x, as users of stable-diffusion-webui know it.
    """

    def __init__(self, denoise: TwoSidedDenoiser, kept: Kept, *, before: bool) -> None:
        self._denoise = denoise
        self._kept = kept
        self._before = before

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x: (B, C, h, w); returns the estimate of x0."""
        return self._kept_in(x, sigma, lambda shown: (self._denoise(shown, sigma),))[0]

    def with_uncond(self, x: Tensor, sigma: Tensor) -> Estimates:
        """(the estimate of x0, that of the negative prompt alone)."""
        guided, uncond = self._kept_in(
            x, sigma, lambda shown: self._denoise.with_uncond(shown, sigma)
        )
        return guided, uncond

    def _kept_in(
        self, x: Tensor, sigma: Tensor, ask: Callable[[Tensor], tuple[Tensor, ...]]
    ) -> tuple[Tensor, ...]:
        level = float(sigma)
        if not self._before:
            return tuple(self._kept.blended(estimate, level) for estimate in ask(x))
        root = (1 + level**2) ** 0.5
        shown = self._kept.blended(x / root, level) * root
        own = x - shown
        # Cells of which nothing is painted are shown as what they are in previews.
        painted = self._kept.nmask > 0
        return tuple(
            torch.where(painted, estimate + own, self._kept.latents) for estimate in ask(shown)
        )
