"""`Pass`: one run of a sampler. A request is drawn in one pass, or in two with hires fix."""

from __future__ import annotations

from dataclasses import dataclass

from webui.core.catalogue import BUILTIN, Catalogue, SamplerSpec
from webui.core.errors import InkstoneError
from webui.core.passes import steps_walked
from webui.core.request import GenerationRequest


@dataclass(frozen=True)
class Pass:
    """One run of a sampler, by what differs between the passes of a request.

    width, height: of this pass, in pixels. base_steps: the steps of the pass before it, in calls
    of the model, from which prompts that change by step count on; None in the first.
    denoising_strength: how much of the way is gone again, from latents that exist; None from
    pure noise. exact: whether it makes as many steps as asked for all the same, see
    `webui.core.passes.steps_walked`.
    """

    prompt: str
    negative_prompt: str
    steps: int
    sampler: str
    schedule: str
    cfg_scale: float
    width: int
    height: int
    base_steps: int | None = None
    denoising_strength: float | None = None
    exact: bool = True

    @property
    def second(self) -> bool:
        """Whether another pass comes before it."""
        return self.base_steps is not None

    @property
    def walked(self) -> int:
        """Steps that it makes. Samplers of timesteps make one or two less."""
        if self.denoising_strength is None:
            return self.steps
        return steps_walked(self.steps, self.denoising_strength, exact=self.exact)


def first_pass(request: GenerationRequest) -> Pass:
    """The pass from pure noise, or from the request's start picture."""
    return Pass(
        request.prompt,
        request.negative_prompt,
        request.steps,
        request.sampler,
        request.schedule,
        request.cfg_scale,
        request.width,
        request.height,
        denoising_strength=request.denoising_strength if request.init_image else None,
        exact=request.exact_steps or not request.init_image,
    )


def hires_pass(
    request: GenerationRequest, width: int, height: int, catalogue: Catalogue = BUILTIN
) -> Pass:
    """The second pass, on the enlarged picture; what the request leaves open is the first's.

    Raises:
        InkstoneError: if the catalogue does not know the first pass's sampler.
    """
    return Pass(
        request.hires_prompt or request.prompt,
        request.hires_negative_prompt or request.negative_prompt,
        request.hires_steps or request.steps,
        request.hires_sampler or request.sampler,
        request.hires_schedule or request.schedule,
        request.cfg_scale if request.hires_cfg_scale is None else request.hires_cfg_scale,
        width,
        height,
        base_steps=request.steps * sampler_spec(request.sampler, catalogue).calls,
        denoising_strength=request.denoising_strength,
    )


def sampler_spec(name: str, catalogue: Catalogue) -> SamplerSpec:
    """The row of the sampler with this display name.

    Raises:
        InkstoneError: for a name that the catalogue does not know.
    """
    spec = catalogue.samplers.get(name)
    if spec is None:
        near = next(iter(catalogue.samplers), "")
        raise InkstoneError("error.unknown_name", field="sampler", got=name, near=near)
    return spec
