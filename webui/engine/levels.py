"""The noise levels that a pass walks, and how its first latents are made from noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from webui.core.catalogue import AUTOMATIC, Catalogue, SamplerSpec
from webui.core.passes import MOST_OF_THE_WAY
from webui.core.request import GenerationRequest
from webui.engine import schedules
from webui.engine.passes import Pass
from webui.engine.resolve import resolve

LONGEST_ROW = 10_000
"""Steps of the row that a pass at a small denoising strength is the end of, at most."""

CLOSEST = 1e-6
"""As fine as Brownian paths are; see `BrownianNoise`."""

FEWEST_TIMESTEPS = 2


@dataclass(frozen=True, eq=False)
class Levels:
    """What a sampler walks.

    row: (n + 1,) float64, falling. whole: (m + 1,), the row that `row` is the end of; all of it
    unless the pass begins on the way. start: the level that existing latents are noised to.
    unit: whether pure noise is given in the model's own coordinates, with variance 1. scaled:
    whether the sampler works in those, so that further noise is meant there.
    """

    row: Tensor
    whole: Tensor
    start: float
    unit: bool
    scaled: bool = False

    def first(self, noise: Tensor, latents: Tensor | None = None, extra: float = 0.0) -> Tensor:
        """The latents to begin with, from unit noise, both (B, C, h, w).

        Samplers work on x0 + sigma * noise. Pure noise is sigma_0 * noise, or, where it is
        handed to the model as it is, sqrt(1 + sigma_0²) * noise. extra: how much of the noise is
        added to existing latents although the level does not ask for it.
        """
        top = float(self.row[0])
        if latents is None:
            strength: float = (1 + top**2) ** 0.5 if self.unit else top
            return noise * strength
        mixed = latents + noise * self.start
        if self.start != top:
            # Noised to another level than the first, and taken for that in the model's
            # coordinates.
            scale: float = ((1 + top**2) / (1 + self.start**2)) ** 0.5
            mixed = mixed * scale
        if extra:
            share: float = extra * ((1 + top**2) ** 0.5 if self.scaled else 1.0)
            mixed = mixed + noise * share
        return mixed


def levels_for(
    this: Pass,
    request: GenerationRequest,
    spec: SamplerSpec,
    model_sigmas: Tensor,
    catalogue: Catalogue,
    *,
    sized: bool = False,
) -> Levels:
    """The levels of the pass's schedule, or the model's own for samplers of timesteps.

    `sized`: whether the model is of the SDXL families, for which some schedules have own tables.

    A pass at denoising strength d walks the end of the row for `steps` of them, or, if it is
    exact, the last `steps` steps of the row for steps / d of them. Where nothing is to be walked,
    the row has a single level.

    Raises:
        InkstoneError: for an unknown schedule, or sigma_min not below sigma_max.
    """
    if this.denoising_strength == 0 and (spec.timesteps or not this.walked):
        here = model_sigmas[:1].double()
        return Levels(here, here, float(here), unit=False)
    if spec.timesteps:
        return _timestep_levels(this, spec, model_sigmas)
    known = model_sigmas
    if spec.distilled is not None:
        known = known[schedules.distilled_timesteps(len(known), spec.distilled)]
    steps = whole_steps(this)
    name = spec.schedule if this.schedule == AUTOMATIC else this.schedule
    options = schedule_options(name, request, catalogue, sized=sized)
    if spec.discards_penultimate or request.discard_penultimate:
        row = schedules.sigmas(name, steps + 1, known, catalogue=catalogue, **options)
        row = torch.cat([row[:-2], row[-1:]])
    else:
        row = schedules.sigmas(name, steps, known, catalogue=catalogue, **options)
    row = distinct(row)
    begin = min(steps - this.walked, len(row) - 1 - this.walked)
    walked = row[max(begin, 0) :]
    return Levels(walked, row, float(walked[0]), request.sgm_noise_multiplier)


def schedule_options(
    name: str, request: GenerationRequest, catalogue: Catalogue, *, sized: bool = False
) -> dict[str, float]:
    """What the request asks of a schedule, of the options that its row of the catalogue names.

    0 means the schedule's own value and is left out. `sized` is the one that the model decides.
    """
    spec = catalogue.schedules.get(name)
    given: dict[str, Any] = {"sized": sized, **dict(request)}
    wanted = {name: given[name] for name in spec.options} if spec else {}
    return {name: value for name, value in wanted.items() if value}


def distinct(row: Tensor) -> Tensor:
    """The row without levels that hardly differ from the one before: nothing lies between them.

    Such are in rows of more steps than a model has timesteps, or between limits that are close.
    """
    kept: list[float] = []
    for level in row[:-1].tolist():
        if not kept or kept[-1] - level >= CLOSEST:
            kept.append(level)
    return torch.cat([row.new_tensor(kept), row[-1:]])


def whole_steps(this: Pass) -> int:
    """Steps of the row that the pass walks the end of: its own number unless it is exact."""
    if this.denoising_strength is None or not this.exact:
        return this.steps
    share = min(this.denoising_strength, MOST_OF_THE_WAY)
    longest = max(LONGEST_ROW, this.steps)
    return longest if this.steps >= share * longest else int(this.steps / share)


def _timestep_levels(this: Pass, spec: SamplerSpec, model_sigmas: Tensor) -> Levels:
    """The row of the model's own timesteps.

    On the way, users know one step less than others make, from latents that are noised to the
    timestep above the row's first.
    """
    levels_of = resolve(spec.row)
    steps = whole_steps(this)
    row: Tensor = levels_of(steps, model_sigmas)
    above = schedules.ddim_row(steps, model_sigmas)
    kept = max(this.walked - 1, FEWEST_TIMESTEPS)
    if this.denoising_strength is None or kept >= len(above):
        return Levels(row, row, float(row[0]), unit=True, scaled=True)
    walked: Tensor = levels_of(steps, model_sigmas, kept)
    return Levels(walked, row, float(above[len(above) - 1 - kept]), unit=True, scaled=True)
