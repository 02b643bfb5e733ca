"""What a row of the catalogue says about a sampler or a schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCHEDULES = "webui.engine.schedules"
DDIM_ROW = f"{SCHEDULES}:ddim_row"

NOT_ENLARGED = "None"
"""The upscaler that leaves a picture in its own size."""


@dataclass(frozen=True)
class SamplerSpec:
    """One sampler. `schedule` is what "Automatic" means for it.

    `noise`: what it draws while sampling. "per_step" is fresh noise, "brownian" the increments
    of one path per picture, the same whatever the number of steps.
    `default_eta`: used when a request says None; None when the sampler has no eta.
    `options`: what else the function takes by name ("s_churn", "s_noise", …).
    `calls`: calls of the model in a usual step, for prompts that change by step.
    `timesteps`: it walks the model's own timesteps, given by the function `row` names, and
    ignores the chosen schedule.
    `discards_penultimate`: its row is made for one step more, without the last level above 0.
    `cfg_factor`: what cfg_scale is multiplied with before guidance.
    `needs_uncond`: it asks guidance for the estimate without the prompt as well.
    `distilled`: how many of the model's timesteps the method was distilled on; None is all.
    `one_by_one`: its steps depend on the picture, so batches are drawn picture by picture.
    """

    name: str
    target: str
    schedule: str = "Uniform"
    aliases: tuple[str, ...] = ()
    noise: Literal["none", "per_step", "brownian"] = "none"
    default_eta: float | None = None
    timesteps: bool = False
    row: str = DDIM_ROW
    options: tuple[str, ...] = ()
    calls: int = 1
    discards_penultimate: bool = False
    cfg_factor: float = 1.0
    needs_uncond: bool = False
    distilled: int | None = None
    one_by_one: bool = False


@dataclass(frozen=True)
class UpscalerSpec:
    """What enlarges a picture between two passes. `latent`: it enlarges latents, not pixels."""

    name: str
    target: str
    latent: bool = False


@dataclass(frozen=True)
class ScheduleSpec:
    """One schedule: a row of sigmas, from noise to picture.

    `options`: fields of the request that the function takes by name ("sigma_min", "rho", …), and
    "sized" for one that wants to know whether the model is of the SDXL families.
    """

    name: str
    target: str
    aliases: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
