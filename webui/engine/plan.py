"""What all pictures of a job share in one pass, worked out before the first of them.

`make_plan` takes a request and a `Pass` of it. From the plan come the denoiser, the sampler's
options, and the latents to begin with (`webui.engine.start`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from webui.core.catalogue import BUILTIN, Catalogue, SamplerSpec
from webui.core.request import GenerationRequest
from webui.engine.beginning import StartPicture
from webui.engine.beside import asks_blind, shown_beside
from webui.engine.bundle import ModelBundle
from webui.engine.conditioning import TextDenoiser, Texts, plan_texts
from webui.engine.guidance import Guidance
from webui.engine.levels import Levels, levels_for
from webui.engine.model_levels import levels_of
from webui.engine.passes import Pass, first_pass, hires_pass, sampler_spec
from webui.engine.text_encoder import PromptEncoder

__all__ = [
    "Pass",
    "Plan",
    "denoiser_for",
    "first_pass",
    "hires_pass",
    "make_plan",
    "sampler_options",
]


@dataclass(frozen=True, eq=False)
class Plan:
    """What all pictures of a job share in one pass.

    bundle: the model, with the noise levels that the request asks for. texts: what the model is
    told in each of its calls. beside: what it is shown beside the latents, see `model_denoiser`.
    """

    this: Pass
    bundle: ModelBundle
    spec: SamplerSpec
    levels: Levels
    texts: Texts
    catalogue: Catalogue
    beside: Tensor | None = None

    @property
    def sigmas(self) -> Tensor:
        """The row that the sampler walks, (n + 1,) float64; of one level if there is no step."""
        return self.levels.row

    @property
    def calls(self) -> int:
        """Calls of the model that the pass expects."""
        return self.this.walked * self.spec.calls


def make_plan(
    bundle: ModelBundle,
    request: GenerationRequest,
    encoder: PromptEncoder,
    sigmas: Tensor | None = None,
    catalogue: Catalogue = BUILTIN,
    *,
    this: Pass | None = None,
    start: StartPicture | None = None,
) -> Plan:
    """Looks the pass's sampler up, computes its row and encodes its prompts.

    `this` is the request's first pass unless given. `sigmas` replaces the row that is walked.
    `start`: what the job begins with, unless with pure noise.

    Raises:
        InkstoneError: for unknown names, or sigma_min not below sigma_max.
    """
    this = this or first_pass(request)
    spec = sampler_spec(this.sampler, catalogue)
    known = levels_of(request.noise_schedule, bundle.sigmas)
    levels = levels_for(this, request, spec, known, catalogue, sized=bundle.family.unet.sized)
    if sigmas is not None:
        levels = replace(levels, row=sigmas, whole=sigmas, start=float(sigmas[0]))
    texts = plan_texts(
        this,
        request,
        encoder,
        this.steps * spec.calls,
        always_uncond=spec.needs_uncond or asks_blind(bundle, request.image_cfg_scale),
        scale=1.0 if bundle.guides_itself else None,
    )
    beside = shown_beside(bundle, this.width, this.height, start)
    return Plan(this, replace(bundle, sigmas=known), spec, levels, texts, catalogue, beside)


def denoiser_for(
    plan: Plan, request: GenerationRequest, pictures: int, done: int = 0
) -> TextDenoiser:
    """The plan's model, told its prompts, with the request's guidance, for one batch.

    done: how many calls of the pass another denoiser has answered already (refiner).
    """
    scale = plan.this.cfg_scale * plan.spec.cfg_factor
    guidance = Guidance(
        1.0 if plan.bundle.guides_itself else scale,
        calls=plan.calls,
        ngms=request.ngms,
        ngms_all_steps=request.ngms_all_steps,
        skip_early=request.skip_early_cond,
        rescale=request.cfg_rescale,
        told=scale,
        image_scale=request.image_cfg_scale if plan.bundle.variant == "ip2p" else 1.0,
    )
    return TextDenoiser(
        plan.bundle,
        plan.texts,
        pictures,
        guidance,
        plan.spec.distilled,
        done=done,
        beside=plan.beside,
    )


def sampler_options(plan: Plan, request: GenerationRequest) -> dict[str, Any]:
    """The options that the plan's sampler takes: eta, if it has one, and what its row asks for."""
    spec = plan.spec
    options: dict[str, Any] = {}
    if spec.default_eta is not None:
        options["eta"] = spec.default_eta if request.eta is None else request.eta
    ready = {
        "s_churn": request.s_churn,
        "s_tmin": request.s_tmin,
        "s_tmax": request.s_tmax or float("inf"),
        "s_noise": request.s_noise,
        "model_sigmas": plan.bundle.sigmas,
        "sigma_min": lowest(plan),
    }
    return {**options, **{name: ready[name] for name in spec.options}}


def lowest(plan: Plan) -> float:
    """Where a sampler stops that cannot reach 0: at the model's lowest level.

    On the way down it stops at the row's last but one, as users of stable-diffusion-webui know.
    """
    if plan.this.denoising_strength is None:
        return float(plan.bundle.sigmas[0])
    return float(plan.sigmas[-2])
