"""What all pictures of a job share, worked out before the first: sampler, noise levels, texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from webui.core.catalogue import AUTOMATIC, BUILTIN, Catalogue, SamplerSpec
from webui.core.errors import InkstoneError
from webui.core.request import GenerationRequest
from webui.engine import schedules
from webui.engine.bundle import ModelBundle
from webui.engine.conditioning import Texts, plan_texts
from webui.engine.resolve import resolve
from webui.engine.text_encoder import PromptEncoder


@dataclass(frozen=True, eq=False)
class Plan:
    """What all pictures of a job share.

    sigmas: (n + 1,) float64. texts: what the model is told in each of its calls.
    """

    spec: SamplerSpec
    sigmas: Tensor
    texts: Texts
    catalogue: Catalogue


def make_plan(
    bundle: ModelBundle,
    request: GenerationRequest,
    encoder: PromptEncoder,
    sigmas: Tensor | None = None,
    catalogue: Catalogue = BUILTIN,
) -> Plan:
    """Looks the sampler up, computes its row and encodes the prompts."""
    spec = sampler_spec(request, catalogue)
    row = noise_levels(request, spec, bundle, catalogue) if sigmas is None else sigmas
    texts = plan_texts(
        request, encoder, request.steps * spec.calls, always_uncond=spec.needs_uncond
    )
    return Plan(spec, row, texts, catalogue)


def sampler_spec(request: GenerationRequest, catalogue: Catalogue) -> SamplerSpec:
    """The row of the request's sampler.

    Raises:
        InkstoneError: for a name that the catalogue does not know.
    """
    spec = catalogue.samplers.get(request.sampler)
    if spec is None:
        near = next(iter(catalogue.samplers), "")
        raise InkstoneError("error.unknown_name", field="sampler", got=request.sampler, near=near)
    return spec


def noise_levels(
    request: GenerationRequest, spec: SamplerSpec, bundle: ModelBundle, catalogue: Catalogue
) -> Tensor:
    """The sigmas of the request's schedule, or the model's own for samplers of timesteps."""
    levels = bundle.sigmas
    if spec.timesteps:
        own: Tensor = resolve(spec.row)(request.steps, levels)
        return own
    if spec.distilled is not None:
        levels = levels[schedules.distilled_timesteps(len(levels), spec.distilled)]
    name = spec.schedule if request.schedule == AUTOMATIC else request.schedule
    if not spec.discards_penultimate:
        return schedules.sigmas(name, request.steps, levels, catalogue=catalogue)
    row = schedules.sigmas(name, request.steps + 1, levels, catalogue=catalogue)
    return torch.cat([row[:-2], row[-1:]])


def initial_scale(row: Tensor, spec: SamplerSpec) -> float:
    """How strong the first noise is.

    Samplers of timesteps start from unit noise in the model's own coordinates, which are
    sqrt(1 + sigma²) times smaller than the ones that samplers work in.
    """
    first = float(row[0])
    return (1 + first**2) ** 0.5 if spec.timesteps else first


def sampler_options(
    request: GenerationRequest, spec: SamplerSpec, bundle: ModelBundle
) -> dict[str, Any]:
    """The options that the sampler takes: eta, if it has one, and what its row asks for."""
    options: dict[str, Any] = {}
    if spec.default_eta is not None:
        options["eta"] = spec.default_eta if request.eta is None else request.eta
    if "model_sigmas" in spec.options:
        options["model_sigmas"] = bundle.sigmas
    return options
