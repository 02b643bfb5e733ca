"""Denoisers that are formulas, noise, and diffusers' schedulers driven by hand, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from webui.engine.model_levels import model_sigmas

SD1 = model_sigmas({})
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SHAPE = (2, 4, 8, 8)


def denoise(x: Tensor, sigma: Tensor) -> Tensor:
    """A smooth, non-linear estimate that depends on both arguments."""
    return torch.tanh(x / (1 + sigma)) * 0.9 + torch.sin(x[:, :1] * 3) * 0.05


def epsilon(x: Tensor, sigma: Tensor) -> Tensor:
    return (x - denoise(x, sigma)) / sigma


def first_noise(seed: int = 0) -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seeded(seed: int) -> Callable[..., Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return lambda *_: torch.randn(SHAPE, generator=generator, dtype=torch.float64)


def no_noise(sigma: Tensor, sigma_next: Tensor) -> Tensor:
    raise AssertionError("this sampler draws no noise")


def relative(got: Tensor, wanted: Tensor) -> float:
    return float((got - wanted).abs().max() / wanted.abs().max())


def run_unscaled(theirs: Any, sigmas: Tensor, x: Tensor, **options: Any) -> Tensor:
    """A scheduler that works on x0 + sigma * noise; its own level is read before each step."""
    for timestep in theirs.timesteps:
        index = theirs.step_index
        sigma = sigmas[0] if index is None else theirs.sigmas[index]
        x = theirs.step(epsilon(x, sigma.double()), timestep, x, **options).prev_sample.double()
    return x


def run_scaled(theirs: Any, sigmas: Tensor, x: Tensor, **options: Any) -> Tensor:
    """A scheduler that works in the model's own coordinates, x / sqrt(1 + sigma²)."""
    x = x / (1 + sigmas[0] ** 2).sqrt()
    for sigma, timestep in zip(sigmas, theirs.timesteps, strict=False):
        output = epsilon(x * (1 + sigma**2).sqrt(), sigma)
        x = theirs.step(output, timestep, x, **options).prev_sample
    return x
