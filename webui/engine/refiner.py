"""Another checkpoint for the last part of the way (Podell et al. 2023, "SDXL", section 2.5)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from webui.core.request import GenerationRequest
from webui.engine.plan import Plan, denoiser_for
from webui.engine.samplers.step import TwoSidedDenoiser
from webui.engine.schedules import sigmas_to_timesteps

Due = Callable[[Tensor, int], bool]
"""Whether the switch is due: from the noise level of the call to come and the calls before it."""


class SwitchingDenoiser:
    """Asks one model until the switch is due, and the other from then on.

    Made anew for each batch: it counts the calls. `refiner` makes the other model's denoiser,
    told how many calls were answered before.
    """

    def __init__(
        self, base: TwoSidedDenoiser, refiner: Callable[[int], TwoSidedDenoiser], due: Due
    ) -> None:
        self._current = base
        self._refiner = refiner
        self._due = due
        self._calls = 0
        self._switched = False

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x: (B, C, h, w); returns the estimate of x0."""
        return self._turn(sigma)(x, sigma)

    def with_uncond(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """(the estimate of x0, that of the negative prompt alone)."""
        return self._turn(sigma).with_uncond(x, sigma)

    def _turn(self, sigma: Tensor) -> TwoSidedDenoiser:
        # There is no way back, also for samplers that raise the noise level again.
        if not self._switched and self._due(sigma, self._calls):
            self._current, self._switched = self._refiner(self._calls), True
        self._calls += 1
        return self._current


def refined(
    base: TwoSidedDenoiser, plan: Plan, refiner: Plan, request: GenerationRequest, pictures: int
) -> SwitchingDenoiser:
    """The denoiser of `plan` that hands over to that of `refiner`, as the request says."""

    def start(calls: int) -> TwoSidedDenoiser:
        return denoiser_for(refiner, request, pictures, calls)

    return SwitchingDenoiser(base, start, switch_of(plan, request))


def switch_of(plan: Plan, request: GenerationRequest) -> Due:
    """When the refiner's turn is: by the share of timesteps or, if asked for, of steps gone."""
    share, levels = request.refiner_switch_at, plan.bundle.sigmas
    calls_in_all = plan.calls

    def by_steps(_: Tensor, calls: int) -> bool:
        return calls / calls_in_all >= share

    def by_timesteps(sigma: Tensor, _: int) -> bool:
        gone = len(levels) - 1 - float(sigmas_to_timesteps(sigma, levels))
        return gone / len(levels) >= share

    return by_steps if request.refiner_by_steps else by_timesteps


def refines(request: GenerationRequest, *, second: bool) -> bool:
    """Whether this pass has a refiner; without hires fix the only pass has it."""
    if request.refiner_checkpoint in ("", request.checkpoint):
        return False
    return not request.hires or request.hires_refiner in ("both", "second" if second else "first")
