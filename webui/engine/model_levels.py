"""Noise levels of a model's timesteps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from webui.core.errors import ModelFileError
from webui.core.request import NoiseSchedule

SD1_BETA_START, SD1_BETA_END, SD1_TIMESTEPS = 0.00085, 0.012, 1000

LAST_ABAR = 4.8973451890853435e-08
"""What is left of the picture at the last timestep of a model with zero terminal SNR.

Truly nothing would be an infinite level; with this it is 4,518.8, the number that users of
stable-diffusion-webui have.
"""


def model_sigmas(settings: Mapping[str, Any], file: Path | None = None) -> Tensor:
    """Noise levels of a model's timesteps from its scheduler settings, ascending, float64.

    sigma = sqrt((1 - abar) / abar), abar the running product of 1 - beta (Song et al. 2021).
    Models trained with a last timestep of pure noise say so (`zero_terminal`). `file` is named
    in errors.

    Raises:
        ModelFileError: for betas that are not SD's kinds, or that make no rising row.
    """
    start = settings.get("beta_start", SD1_BETA_START)
    end = settings.get("beta_end", SD1_BETA_END)
    count = settings.get("num_train_timesteps", SD1_TIMESTEPS)
    kind = settings.get("beta_schedule", "scaled_linear")
    source = "" if file is None else str(file)
    if settings.get("trained_betas") is not None:
        raise ModelFileError(
            "error.model_unsupported", file=source, setting="betas", got="trained_betas"
        )
    try:
        if kind == "scaled_linear":
            betas = torch.linspace(start**0.5, end**0.5, count, dtype=torch.float64) ** 2
        elif kind == "linear":
            betas = torch.linspace(start, end, count, dtype=torch.float64)
        else:
            raise ModelFileError(
                "error.model_unsupported", file=source, setting="beta_schedule", got=str(kind)
            )
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelFileError("error.model_corrupt", file=source, reason=str(error)) from error
    # Rounded to float32, as every program for these models holds it: rows then agree with theirs.
    kept = torch.cumprod(1 - betas, dim=0).float().double()
    levels = ((1 - kept) / kept).sqrt()
    rising = len(levels) > 1 and bool((levels.diff() > 0).all()) and bool(levels[0] > 0)
    if not rising or not bool(torch.isfinite(levels).all()):
        reason = f"beta_start {start}, beta_end {end}"
        raise ModelFileError("error.model_corrupt", file=source, reason=reason)
    return zero_terminal(levels) if settings.get("rescale_betas_zero_snr") else levels


def levels_of(noise_schedule: NoiseSchedule, model_sigmas: Tensor) -> Tensor:
    """The model's levels as a request wants them, (1000,) ascending."""
    return model_sigmas if noise_schedule == "Default" else zero_terminal(model_sigmas)


def zero_terminal(model_sigmas: Tensor) -> Tensor:
    """Levels stretched so that the last timestep is noise alone, (1000,) ascending.

    Lin et al. 2023, "Common diffusion noise schedules and sample steps are flawed", algorithm 1:
    sqrt(abar) is shifted to end at 0 and scaled to begin where it began. For models that predict
    v: from noise alone epsilon says nothing about the picture. Levels that end so already stay.
    """
    root = (1 + model_sigmas.double() ** 2) ** -0.5
    if float(root[-1]) ** 2 < 2 * LAST_ABAR:
        return model_sigmas
    root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    kept = root**2
    kept[-1] = LAST_ABAR
    return ((1 - kept) / kept).sqrt()
