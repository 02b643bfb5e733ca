"""Rows of noise levels: from pure noise down to the finished picture.

A schedule is a function `(n, model_sigmas, **options) -> Tensor (n + 1,)` in float64, falling, with
a 0 at its end. `model_sigmas` are the model's own levels, one per timestep: (1000,), ascending. Its
row of the catalogue names the options that it takes, such as `sigma_min`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from webui.core.catalogue import BUILTIN, Catalogue
from webui.core.errors import InkstoneError
from webui.engine.resolve import resolve

KARRAS_RHO = 7.0


def sigmas(
    name: str, n: int, model_sigmas: Tensor, *, catalogue: Catalogue = BUILTIN, **options: float
) -> Tensor:
    """The row of the schedule with this display name, (n + 1,) float64.

    Raises:
        InkstoneError: for a name that the catalogue does not know, or n below 1.
    """
    spec = catalogue.schedules.get(name)
    if spec is None:
        near = next(iter(catalogue.schedules), "")
        raise InkstoneError("error.unknown_name", field="schedule", got=name, near=near)
    _check_steps(n)
    row: Tensor = resolve(spec.target)(n, model_sigmas.double(), **options)
    return row


def uniform(n: int, model_sigmas: Tensor) -> Tensor:
    """Evenly spaced timesteps, from the last to 0."""
    last = len(model_sigmas) - 1
    timesteps = torch.linspace(last, 0, n, dtype=torch.float64)
    return _with_zero(timesteps_to_sigmas(timesteps, model_sigmas))


def normal(
    n: int, model_sigmas: Tensor, *, sigma_min: float | None = None, sigma_max: float | None = None
) -> Tensor:
    """As `uniform`, between two levels."""
    span = _time_span(model_sigmas, sigma_min, sigma_max)
    timesteps = torch.linspace(*span, n, dtype=torch.float64)
    return _with_zero(timesteps_to_sigmas(timesteps, model_sigmas))


def karras(
    n: int,
    model_sigmas: Tensor,
    *,
    sigma_min: float | None = None,
    sigma_max: float | None = None,
    rho: float = KARRAS_RHO,
) -> Tensor:
    """Evenly spaced in sigma to the power of 1 / rho. Karras et al. 2022, equation 5."""
    return _with_zero(karras_levels(n, *limits(model_sigmas, sigma_min, sigma_max), rho))


def karras_levels(n: int, low: float, high: float, rho: float = KARRAS_RHO) -> Tensor:
    """The n levels above 0 of Karras' schedule between these two, falling, (n,) float64."""
    ramp = torch.linspace(0, 1, n, dtype=torch.float64)
    # In shares of the highest level: the level itself to the power of 1 / rho may overflow.
    row: Tensor = high * (1 + ramp * ((low / high) ** (1 / rho) - 1)) ** rho
    row[1:][-1:] = low
    return row.clamp(min=low)


def exponential(
    n: int, model_sigmas: Tensor, *, sigma_min: float | None = None, sigma_max: float | None = None
) -> Tensor:
    """Evenly spaced in log sigma."""
    low, high = limits(model_sigmas, sigma_min, sigma_max)
    return _with_zero(torch.linspace(math.log(high), math.log(low), n, dtype=torch.float64).exp())


def polyexponential(
    n: int,
    model_sigmas: Tensor,
    *,
    sigma_min: float | None = None,
    sigma_max: float | None = None,
    rho: float = 1.0,
) -> Tensor:
    """Log sigma falls with the power `rho` of what is left of the way: evenly for 1."""
    low, high = limits(model_sigmas, sigma_min, sigma_max)
    left = torch.linspace(1, 0, n, dtype=torch.float64) ** rho
    return _with_zero((math.log(low) + left * math.log(high / low)).exp())


def sgm_uniform(
    n: int, model_sigmas: Tensor, *, sigma_min: float | None = None, sigma_max: float | None = None
) -> Tensor:
    """Evenly spaced timesteps of which the lowest is 0's neighbour, as in "generative-models"."""
    first, last = _time_span(model_sigmas, sigma_min, sigma_max)
    timesteps = torch.linspace(first, last, n + 1, dtype=torch.float64)[:-1]
    return _with_zero(timesteps_to_sigmas(timesteps, model_sigmas))


def kl_optimal(
    n: int, model_sigmas: Tensor, *, sigma_min: float | None = None, sigma_max: float | None = None
) -> Tensor:
    """Evenly spaced in arctan sigma. Sabour et al. 2024, "Align your steps", section 3.

    Ends at the lowest level, not at 0.
    """
    low, high = limits(model_sigmas, sigma_min, sigma_max)
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


def ddim_row(n: int, model_sigmas: Tensor, kept: int | None = None) -> Tensor:
    """Noise levels of the model's own timesteps 1, 1 + s, 1 + 2s, … with s = 1000 // n, falling.

    The row of samplers that walk timesteps. It ends at timestep 1, not at 0, and its length is
    near n, not n + 1 (20 -> 20, 30 -> 31, 7 -> 8), as users of stable-diffusion-webui know it.
    `kept`: how many of the lowest there are to be; all by default.
    """
    _check_steps(n)
    count = len(model_sigmas)
    timesteps = torch.arange(0, count, max(count // n, 1)).add(1).clamp(0, count - 1)
    if len(timesteps) == 1:  # a single level would leave nothing to step between
        timesteps = torch.tensor([timesteps[0].item(), count - 1])
    return model_sigmas.double()[timesteps[:kept]].flip(0)


def unipc_row(n: int, model_sigmas: Tensor, kept: int | None = None) -> Tensor:
    """Levels of evenly spaced timesteps from the last to 0, one step more than `ddim_row` has.

    The row of UniPC, which ends at timestep 0 ("time_uniform" of its authors' program). With
    `kept` it begins at the highest timestep of that `ddim_row`.
    """
    levels = model_sigmas.double()
    shorter = ddim_row(n, levels, kept)
    count = len(shorter) + 1 if n > 1 else 2
    first = len(levels) - 1 if kept is None else float(sigmas_to_timesteps(shorter[0], levels))
    timesteps = torch.linspace(first, 0, count, dtype=torch.float64)
    return timesteps_to_sigmas(timesteps, levels)


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


def limits(
    model_sigmas: Tensor, sigma_min: float | None, sigma_max: float | None
) -> tuple[float, float]:
    """(lowest, highest) level of a row: the model's own, unless others are given.

    Raises:
        InkstoneError: if the lowest is not below the highest.
    """
    low = float(model_sigmas[0]) if sigma_min is None else sigma_min
    high = float(model_sigmas[-1]) if sigma_max is None else sigma_max
    if low >= high:
        field = "sigma_max" if sigma_min is None else "sigma_min"
        raise InkstoneError("error.sigma_limits", field=field, low=low, high=high)
    return low, high


def _time_span(
    model_sigmas: Tensor, sigma_min: float | None, sigma_max: float | None
) -> tuple[float, float]:
    """(first, last) timestep of a row, within the model's."""
    ends = torch.tensor(limits(model_sigmas, sigma_min, sigma_max), dtype=torch.float64)
    last, first = sigmas_to_timesteps(ends, model_sigmas).tolist()
    return first, last


def _with_zero(levels: Tensor) -> Tensor:
    return torch.cat([levels, levels.new_zeros(1)])


def _check_steps(n: int) -> None:
    if n < 1:
        raise InkstoneError("error.range_whole", field="steps", got=n, low=1, high=150)
