"""How far a sampler's picture is from the limit of many steps, by number of steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from webui.core.catalogue import BUILTIN, SamplerSpec
from webui.core.request import GenerationRequest
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_bundle
from webui.engine.device import Device, choose_device
from webui.engine.pipeline import sample_batch
from webui.engine.plan import make_plan
from webui.engine.text_encoder import PromptEncoder

STEPS = (5, 10, 15, 20, 30, 50)
REFERENCE_STEPS = 1000
FLOW, PATH = "DPM++ 2M", "DPM++ 2M SDE"
"""Whose many steps stand for the limit without noise, and along a Brownian path."""


@dataclass(frozen=True)
class Distances:
    """For each of `steps`: the distance to the limit and the calls of the model it took.

    A distance is the root mean square difference of the latents, in units of the limit's.
    """

    sampler: str
    schedule: str
    reference: str
    steps: tuple[int, ...]
    distances: tuple[float, ...]
    calls: tuple[int, ...]


def measure(
    folder: Path,
    *,
    samplers: Sequence[str] = tuple(BUILTIN.samplers),
    prompt: str = "a red apple",
    pictures: int = 2,
    steps: tuple[int, ...] = STEPS,
    reference_steps: int = REFERENCE_STEPS,
    width: int = 128,
    height: int = 128,
    device: Device | None = None,
) -> Iterator[Distances]:
    """Measures sampler after sampler, each with its own schedule, yielding as it goes.

    Raises:
        ModelFileError: if the model cannot be loaded.
    """
    bundle = load_bundle(folder, device or choose_device())
    request = GenerationRequest(prompt=prompt, width=width, height=height, cfg_scale=5.0)
    limits: dict[str, Tensor] = {}
    for name in samplers:
        spec = BUILTIN.samplers[name]
        reference = PATH if spec.noise == "brownian" else FLOW
        if reference not in limits:
            limits[reference] = _latents(bundle, request, reference, reference_steps, pictures)[0]
        limit = limits[reference]
        # A sampler that chooses its own number of steps makes the same picture for each.
        counts = steps[:1] if spec.one_by_one else steps
        runs = [_latents(bundle, request, name, count, pictures) for count in counts]
        runs *= len(steps) // len(counts)
        yield Distances(
            name,
            "" if spec.timesteps else spec.schedule,
            reference,
            steps,
            tuple(float((made - limit).norm() / limit.norm()) for made, _ in runs),
            tuple(calls for _, calls in runs),
        )


@torch.inference_mode()
def _latents(
    bundle: ModelBundle, request: GenerationRequest, sampler: str, steps: int, pictures: int
) -> tuple[Tensor, int]:
    """(pictures of seeds 0, 1, … as latents, calls of the model for one of them)."""
    spec: SamplerSpec = BUILTIN.samplers[sampler]
    # Beyond the steps that a form offers, so without its checks.
    chosen = request.model_copy(update={"sampler": sampler, "steps": steps})
    plan = make_plan(bundle, chosen, PromptEncoder(bundle))
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    hook = bundle.unet.register_forward_hook(count)
    try:
        size = 1 if spec.one_by_one else pictures
        made = [
            sample_batch(plan, chosen, tuple(range(first, first + size)))
            for first in range(0, pictures, size)
        ]
    finally:
        hook.remove()
    return torch.cat(made).float().cpu(), calls // len(made)
