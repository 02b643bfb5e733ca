"""Rows of noise levels: from pure noise down to the finished picture.

A schedule is a function `(n, model_sigmas) -> Tensor (n + 1,)` in float64, falling, with a 0 at
its end. `model_sigmas` are the model's own levels, one per timestep: (1000,), ascending.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from webui.core.catalogue import BUILTIN, Catalogue
from webui.core.errors import InkstoneError, ModelFileError
from webui.engine.resolve import resolve

KARRAS_RHO = 7.0
SD1_BETA_START, SD1_BETA_END, SD1_TIMESTEPS = 0.00085, 0.012, 1000


def sigmas(name: str, n: int, model_sigmas: Tensor, *, catalogue: Catalogue = BUILTIN) -> Tensor:
    """The row of the schedule with this display name, (n + 1,) float64.

    Raises:
        InkstoneError: for a name that the catalogue does not know, or n below 1.
    """
    spec = catalogue.schedules.get(name)
    if spec is None:
        near = next(iter(catalogue.schedules), "")
        raise InkstoneError("error.unknown_name", field="schedule", got=name, near=near)
    _check_steps(n)
    row: Tensor = resolve(spec.target)(n, model_sigmas.double())
    return row


def uniform(n: int, model_sigmas: Tensor) -> Tensor:
    """Evenly spaced timesteps, from the last to 0."""
    last = len(model_sigmas) - 1
    timesteps = torch.linspace(last, 0, n, dtype=torch.float64)
    return _with_zero(timesteps_to_sigmas(timesteps, model_sigmas))


def karras(n: int, model_sigmas: Tensor) -> Tensor:
    """Evenly spaced in sigma to the power of 1/7. Karras et al. 2022, equation 5."""
    return _with_zero(karras_levels(n, *_range(model_sigmas)))


def karras_levels(n: int, low: float, high: float) -> Tensor:
    """The n levels above 0 of Karras' schedule between these two, falling, (n,) float64."""
    ramp = torch.linspace(0, 1, n, dtype=torch.float64)
    top, bottom = high ** (1 / KARRAS_RHO), low ** (1 / KARRAS_RHO)
    row: Tensor = (top + ramp * (bottom - top)) ** KARRAS_RHO
    return row


def exponential(n: int, model_sigmas: Tensor) -> Tensor:
    """Evenly spaced in log sigma."""
    low, high = _range(model_sigmas)
    return _with_zero(torch.linspace(math.log(high), math.log(low), n, dtype=torch.float64).exp())


def sgm_uniform(n: int, model_sigmas: Tensor) -> Tensor:
    """Evenly spaced timesteps of which the lowest is 0's neighbour, as in "generative-models"."""
    timesteps = torch.linspace(len(model_sigmas) - 1, 0, n + 1, dtype=torch.float64)[:-1]
    return _with_zero(timesteps_to_sigmas(timesteps, model_sigmas))


def kl_optimal(n: int, model_sigmas: Tensor) -> Tensor:
    """Evenly spaced in arctan sigma. Sabour et al. 2024, "Align your steps", section 3.

    Ends at the model's lowest level, not at 0.
    """
    low, high = _range(model_sigmas)
    share = torch.linspace(0, 1, n + 1, dtype=torch.float64)
    return (share * math.atan(low) + (1 - share) * math.atan(high)).tan()


def simple(n: int, model_sigmas: Tensor) -> Tensor:
    """Every so many levels of the model, counted from the top."""
    count = len(model_sigmas)
    return _with_zero(model_sigmas[[count - 1 - int(i * count / n) for i in range(n)]])


def turbo(n: int, model_sigmas: Tensor) -> Tensor:
    """The timesteps that end n equal parts. Sauer et al. 2023, "Adversarial diffusion"."""
    count = len(model_sigmas)
    return _with_zero(model_sigmas[[max(round(i * count / n - 1), 0) for i in range(n, 0, -1)]])


def ddim_uniform(n: int, model_sigmas: Tensor) -> Tensor:
    """The levels of timesteps 1, 1 + s, 1 + 2s, … with s = 1000 // n, falling, then 0.

    Its length is near n + 1, not always n + 1 (20 -> 21, 30 -> 32, 7 -> 9).
    """
    row = ddim_row(n, model_sigmas)
    # Where the timestep after the last would follow, timestep samplers take the last instead.
    extra = (len(model_sigmas) - 1) % max(len(model_sigmas) // n, 1) == 0
    return _with_zero(row[1:] if extra else row)


def ddim_row(n: int, model_sigmas: Tensor) -> Tensor:
    """Noise levels of the model's own timesteps 1, 1 + s, 1 + 2s, … with s = 1000 // n, falling.

    The row of samplers that walk timesteps. It ends at timestep 1, not at 0, and its length is
    near n, not n + 1 (20 -> 20, 30 -> 31, 7 -> 8), as users of stable-diffusion-webui know it.
    """
    _check_steps(n)
    count = len(model_sigmas)
    timesteps = torch.arange(0, count, max(count // n, 1)).add(1).clamp(0, count - 1)
    if len(timesteps) == 1:  # a single level would leave nothing to step between
        timesteps = torch.tensor([timesteps[0].item(), count - 1])
    return model_sigmas.double()[timesteps].flip(0)


def unipc_row(n: int, model_sigmas: Tensor) -> Tensor:
    """Levels of evenly spaced timesteps from the last to 0, one step more than `ddim_row` has.

    The row of UniPC, which ends at timestep 0 ("time_uniform" of its authors' program).
    """
    count = len(ddim_row(n, model_sigmas)) + 1 if n > 1 else 2
    timesteps = torch.linspace(len(model_sigmas) - 1, 0, count, dtype=torch.float64)
    return timesteps_to_sigmas(timesteps, model_sigmas.double())


def model_sigmas(settings: Mapping[str, Any], file: Path | None = None) -> Tensor:
    """Noise levels of a model's timesteps from its scheduler settings, ascending, float64.

    sigma = sqrt((1 - abar) / abar), abar the running product of 1 - beta (Song et al. 2021).
    `file` is named in errors.

    Raises:
        ModelFileError: for betas that are not SD's kinds, or that make no rising row.
    """
    start = settings.get("beta_start", SD1_BETA_START)
    end = settings.get("beta_end", SD1_BETA_END)
    count = settings.get("num_train_timesteps", SD1_TIMESTEPS)
    kind = settings.get("beta_schedule", "scaled_linear")
    source = "" if file is None else str(file)
    if settings.get("rescale_betas_zero_snr") or settings.get("trained_betas") is not None:
        raise ModelFileError(
            "error.model_unsupported", file=source, setting="betas", got="trained_betas / zero SNR"
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
    return levels


def timesteps_to_sigmas(timesteps: Tensor, model_sigmas: Tensor) -> Tensor:
    """Log-linear interpolation between the model's levels; timesteps may be fractions."""
    logs = model_sigmas.log()
    lower = timesteps.floor().long().clamp(0, len(logs) - 2)
    part = timesteps - lower
    return ((1 - part) * logs[lower] + part * logs[lower + 1]).exp()


def sigmas_to_timesteps(levels: Tensor, model_sigmas: Tensor) -> Tensor:
    """The reverse of `timesteps_to_sigmas`; levels beyond the model's are held at its ends."""
    logs = model_sigmas.log()
    wanted = levels.log()
    lower = (torch.searchsorted(logs, wanted, right=True) - 1).clamp(0, len(logs) - 2)
    part = ((wanted - logs[lower]) / (logs[lower + 1] - logs[lower])).clamp(0, 1)
    return lower + part


def distilled_timesteps(count: int, known: int) -> Tensor:
    """`known` of `count` timesteps, evenly spread and ascending, up to the last: (known,).

    What a consistency model was distilled on: 19, 39, …, 999 for 50 of 1000.
    """
    return torch.arange(count - 1, -1, -max(count // known, 1))[:known].flip(0)


def _range(model_sigmas: Tensor) -> tuple[float, float]:
    return float(model_sigmas[0]), float(model_sigmas[-1])


def _with_zero(levels: Tensor) -> Tensor:
    return torch.cat([levels, levels.new_zeros(1)])


def _check_steps(n: int) -> None:
    if n < 1:
        raise InkstoneError("error.range_whole", field="steps", got=n, low=1, high=150)
