"""Samplers: functions `(denoise, x, sigmas, noise, *, on_step, …) -> x`.

`denoise(x, sigma)` estimates the clean latent; `noise(sigma, sigma_next)` gives fresh
unit-variance noise like x. Both are told noise levels as 0-dimensional float64 tensors on the
CPU, which mix with tensors of every device and format. Coefficients are computed from Python
floats, so nothing inside a loop waits for a GPU.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from webui.core.catalogue import BUILTIN, Catalogue
from webui.core.errors import InkstoneError
from webui.engine.resolve import resolve
from webui.engine.samplers.step import (
    Denoiser,
    Noise,
    OnStep,
    StepEvent,
    TwoSidedDenoiser,
)

__all__ = ["Denoiser", "Noise", "OnStep", "StepEvent", "TwoSidedDenoiser", "sample"]


def sample(
    name: str,
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    on_step: OnStep | None = None,
    catalogue: Catalogue = BUILTIN,
    **options: Any,
) -> Tensor:
    """Runs the sampler with this display name; works in x's format, float64 included.

    x: (B, C, h, w) latents at noise level sigmas[0]. sigmas: (n + 1,), falling. `options` are
    the sampler's own, such as `eta`.

    Returns:
        The latents at the end of the row, (B, C, h, w).

    Raises:
        InkstoneError: for a name that the catalogue does not know.
    """
    spec = catalogue.samplers.get(name)
    if spec is None:
        near = next(iter(catalogue.samplers), "")
        raise InkstoneError("error.unknown_name", field="sampler", got=name, near=near)
    sampler = resolve(spec.target)
    levels = sigmas.detach().double().cpu()
    latents: Tensor = sampler(denoise, x, levels, noise, on_step=on_step, **options)
    return latents
