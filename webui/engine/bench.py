"""Our engine against diffusers' own pipeline: same weights, sampler, steps, size and threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from torch import Tensor

from webui.core.request import GenerationRequest
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_bundle
from webui.engine.device import Device, choose_device
from webui.engine.latents import latent_shape
from webui.engine.noise import SeededNoise
from webui.engine.pipeline import generate, sample_batch
from webui.engine.plan import make_plan
from webui.engine.text_encoder import PromptEncoder

BenchSampler = Literal["DDIM", "Euler"]
BENCH_SAMPLERS: tuple[BenchSampler, ...] = ("DDIM", "Euler")


@dataclass(frozen=True)
class Comparison:
    """Paired runs of one request. `ours` and `theirs` are seconds per picture, in run order.

    `difference`: the largest difference of the final latents, relative to the largest latent.
    """

    sampler: str
    steps: int
    width: int
    height: int
    cfg_scale: float
    device: str
    threads: int
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    difference: float

    @property
    def ratio(self) -> float:
        """Our time in units of theirs: the median over the pairs."""
        return median(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def seconds(self) -> tuple[float, float]:
        """Median seconds per picture: (ours, theirs)."""
        return median(self.ours), median(self.theirs)


def compare(
    folder: Path,
    *,
    samplers: tuple[BenchSampler, ...] = BENCH_SAMPLERS,
    prompt: str = "a red apple",
    steps: int = 20,
    width: int = 128,
    height: int = 128,
    cfg_scale: float = 5.0,
    runs: int = 7,
    device: Device | None = None,
) -> Iterator[Comparison]:
    """Measures prompt to picture for each sampler, one after the other, yielding as it goes.

    `folder` is loaded twice, so that theirs has none of our changes. The programs take turns
    (ours, theirs, ours, …), so that a busy machine troubles both alike; one pair before the
    first is not counted.

    Raises:
        ModelFileError: if the model cannot be loaded.
    """
    device = device or choose_device()
    bundle = load_bundle(folder, device)
    pipeline = load_theirs(folder, device)
    for sampler in samplers:
        request = GenerationRequest(
            prompt=prompt,
            sampler=sampler,
            steps=steps,
            width=width,
            height=height,
            cfg_scale=cfg_scale,
        )
        yield compare_request(bundle, pipeline, request, runs)


def drawing_timer(folder: Path, *, width: int, height: int) -> Callable[[], float]:
    """Our loop alone: each call draws the same picture of 20 steps and gives its seconds.

    Raises:
        ModelFileError: if the model cannot be loaded.
    """
    bundle = load_bundle(folder, choose_device())
    request = GenerationRequest(
        prompt="a red apple",
        sampler="Euler",
        steps=20,
        width=width,
        height=height,
        cfg_scale=5.0,
        seed=1,
    )

    def draw() -> None:
        generate(bundle, request)

    return lambda: seconds(draw)


def load_theirs(folder: Path, device: Device) -> StableDiffusionPipeline:
    """The pipeline of diffusers, set up as its documentation does."""
    pipeline = StableDiffusionPipeline.from_pretrained(
        folder, safety_checker=None, local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)  # type: ignore[no-untyped-call]
    return pipeline.to(device.torch_device, device.dtype)


def compare_request(
    bundle: ModelBundle, pipeline: StableDiffusionPipeline, request: GenerationRequest, runs: int
) -> Comparison:
    """Paired runs of one request whose sampler is DDIM or Euler."""
    sigmas = take_scheduler(pipeline, request)
    noise = first_noise(bundle, request)

    def ours() -> None:
        generate(bundle, request, sigmas=sigmas)

    def theirs() -> None:
        run_theirs(pipeline, request, noise, sigmas, "np")

    times = [(seconds(ours), seconds(theirs)) for _ in range(runs + 1)][1:]
    return Comparison(
        sampler=request.sampler,
        steps=request.steps,
        width=request.width,
        height=request.height,
        cfg_scale=request.cfg_scale,
        device=bundle.device.name,
        threads=torch.get_num_threads(),
        ours=tuple(a for a, _ in times),
        theirs=tuple(b for _, b in times),
        difference=latent_difference(bundle, pipeline, request, noise, sigmas),
    )


def take_scheduler(pipeline: StableDiffusionPipeline, request: GenerationRequest) -> Tensor:
    """Gives the pipeline its scheduler of this name, and returns the sigmas that it walks."""
    kind = DDIMScheduler if request.sampler == "DDIM" else EulerDiscreteScheduler
    pipeline.scheduler = kind.from_config(pipeline.scheduler.config)
    pipeline.scheduler.set_timesteps(request.steps)
    if request.sampler == "Euler":
        walked: Tensor = pipeline.scheduler.sigmas.double()
        return walked
    kept = pipeline.scheduler.alphas_cumprod.double()
    levels = ((1 - kept) / kept).sqrt()
    # The step from its lowest timestep goes to timestep 0, as `set_alpha_to_one=False` says.
    return torch.cat([levels[pipeline.scheduler.timesteps], levels[:1]])


def first_noise(bundle: ModelBundle, request: GenerationRequest) -> Tensor:
    """The noise that our picture starts from, (1, C, h, w)."""
    shape = latent_shape(bundle, request.width, request.height)
    return SeededNoise(
        [request.seed], shape, request.noise_source, bundle.device.torch_device, bundle.device.dtype
    )()


def run_theirs(
    pipeline: StableDiffusionPipeline,
    request: GenerationRequest,
    noise: Tensor,
    sigmas: Tensor,
    output: Literal["np", "latent"],
) -> Tensor:
    """One picture, or its latents, by diffusers."""
    if request.sampler == "Euler":
        # It multiplies by a number of its own, which is not the first sigma.
        noise = noise * float(sigmas[0] / pipeline.scheduler.init_noise_sigma)
    result: Tensor = pipeline(
        request.prompt,
        negative_prompt=request.negative_prompt,
        num_inference_steps=request.steps,
        guidance_scale=request.cfg_scale,
        width=request.width,
        height=request.height,
        latents=noise,
        output_type=output,
    ).images
    return result


@torch.inference_mode()
def latent_difference(
    bundle: ModelBundle,
    pipeline: StableDiffusionPipeline,
    request: GenerationRequest,
    noise: Tensor,
    sigmas: Tensor,
) -> float:
    """Largest absolute difference of the final latents, in units of the largest latent."""
    plan = make_plan(bundle, request, PromptEncoder(bundle), sigmas)
    ours = sample_batch(plan, request, (0,))
    theirs = run_theirs(pipeline, request, noise, sigmas, "latent")
    return float((ours - theirs).abs().max() / theirs.abs().max())


def seconds(action: Callable[[], None]) -> float:
    """How long the action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
