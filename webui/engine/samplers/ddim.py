"""DDIM. Song et al. 2021, "Denoising diffusion implicit models", equation 12.

Written in coordinates whose noise grows with sigma, x_ve = x / sqrt(abar). There its step is
the ancestral Euler step: the paper's sigma_t, divided by sqrt(abar), is the share `eta` of the
fresh noise that `ancestral_split` gives.
"""

from __future__ import annotations

from torch import Tensor

from webui.engine.samplers.euler import euler_ancestral
from webui.engine.samplers.step import Denoiser, Noise, OnStep


def ddim(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    *,
    eta: float = 0.0,
    on_step: OnStep | None = None,
) -> Tensor:
    """Walks timesteps; `eta` 0 is deterministic, 1 adds as much noise as DDPM.

    Where the row ends above 0, as that of timestep samplers does, the result is given in the
    model's own coordinates: divided by sqrt(1 + sigma²).
    """
    x = euler_ancestral(denoise, x, sigmas, noise, eta=eta, on_step=on_step)
    last = float(sigmas[-1])
    return x * (1 + last**2) ** -0.5 if last else x
