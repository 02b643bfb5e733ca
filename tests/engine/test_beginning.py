"""Pictures that begin with a picture: how many steps, from where, and that it is used."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.engine.test_passes import KINDS
from tests.engine.test_pipeline import Recorder, small
from webui.core.catalogue import BUILTIN
from webui.core.passes import pass_steps
from webui.core.request import GenerationRequest
from webui.engine.beginning import StartPicture, start_picture
from webui.engine.bench_beginning import beginning_costs
from webui.engine.bundle import ModelBundle
from webui.engine.drawing import Loaded
from webui.engine.latents import Pixels, decode, encode
from webui.engine.levels import Levels, levels_for
from webui.engine.model_levels import model_sigmas
from webui.engine.passes import first_pass
from webui.engine.pipeline import generate
from webui.engine.plan import make_plan
from webui.engine.schedules import ddim_row, sigmas
from webui.engine.start import starting_point
from webui.engine.text_encoder import PromptEncoder

SD1 = model_sigmas({})
NAME = "0" * 64
SLOPE = np.linspace(0, 255, 64, dtype=np.uint8)
PHOTO = np.stack([np.tile(SLOPE, (64, 1)), np.tile(SLOPE[:, None], (1, 64)),
                  np.full((64, 64), 90, np.uint8)], axis=-1)  # fmt: skip


def png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def begun(**fields: Any) -> GenerationRequest:
    return small(**{"init_image": NAME, "denoising_strength": 0.5, **fields})


def heard(
    bundle: ModelBundle, request: GenerationRequest, picture: Pixels = PHOTO, **given: Any
) -> Recorder:
    recorder = Recorder()
    generate(bundle, request, None, recorder, images={"init_image": png(picture)}, **given)
    return recorder


def drawn(bundle: ModelBundle, request: GenerationRequest, picture: Pixels = PHOTO) -> Pixels:
    return heard(bundle, request, picture).pictures[0]


def levels(**fields: Any) -> Levels:
    request = begun(**fields)
    spec = BUILTIN.samplers[request.sampler]
    return levels_for(first_pass(request), request, spec, SD1, BUILTIN)


def round_trip(bundle: ModelBundle, picture: Pixels = PHOTO) -> Pixels:
    with torch.inference_mode():
        return decode(bundle, encode(bundle, picture))


@pytest.mark.parametrize(
    ("strength", "calls"), [(0.75, 16), (0.5, 11), (0.1, 3), (1.0, 20), (0.0, 1)]
)
def test_steps_are_the_strengths_share_and_one_more(
    tiny: ModelBundle, strength: float, calls: int
) -> None:
    asked: list[float] = []
    hook = tiny.unet.register_forward_hook(lambda _, given, __: asked.append(float(given[1][0])))
    request = begun(steps=20, denoising_strength=strength, sampler="Euler", schedule="Uniform")
    recorder = heard(tiny, request)
    hook.remove()
    assert len(asked) == len(recorder.steps) == calls
    assert recorder.steps[-1] == ((0,), calls, calls)
    assert pass_steps(request) == (calls, 0)
    assert asked[-1] == 0
    assert levels(**dict(request)).row.tolist() == sigmas("Uniform", 20, SD1)[-calls - 1 :].tolist()


def test_exact_steps_are_those_asked_for(tiny: ModelBundle) -> None:
    request = begun(steps=4, denoising_strength=0.5, sampler="Euler", exact_steps=True)
    assert [step for _, step, _ in heard(tiny, request).steps] == [1, 2, 3, 4]
    assert torch.equal(levels(**dict(request)).row, sigmas("Uniform", 8, SD1)[-5:])
    assert pass_steps(request) == (4, 0)


def test_samplers_of_timesteps_have_their_own_rule() -> None:
    """DDIM's timesteps[:10] of 20, from latents noised to timesteps[10]."""
    timesteps = [1 + 50 * index for index in range(20)]
    half = levels(steps=20, sampler="DDIM")
    assert torch.equal(half.row, SD1[timesteps[:10]].flip(0))
    assert half.start == float(SD1[timesteps[10]])
    whole = levels(steps=20, sampler="DDIM", denoising_strength=1)
    assert torch.equal(whole.row, SD1[timesteps[:19]].flip(0))
    assert torch.equal(whole.whole, ddim_row(20, SD1))
    # Fewer than two timesteps leave nothing to step between.
    assert torch.equal(levels(steps=20, sampler="DDIM", denoising_strength=0.05).row, half.row[-2:])


@pytest.mark.parametrize("fields", [{"sampler": "DDIM"}, {"sampler": "Euler", "exact_steps": True}])
def test_strength_0_gives_what_the_vae_makes_of_the_picture(
    tiny: ModelBundle, fields: dict[str, object]
) -> None:
    recorder = heard(tiny, begun(denoising_strength=0, **fields))
    assert np.array_equal(recorder.pictures[0], round_trip(tiny))
    assert recorder.steps == []


def test_a_weak_pass_keeps_the_picture_and_a_strong_one_does_not(starter: ModelBundle) -> None:
    photo = np.asarray(Image.fromarray(PHOTO).resize((128, 128)))
    request = begun(prompt="a red apple", width=128, height=128, steps=6)
    kept = round_trip(starter, photo).astype(float)

    def moved(strength: float) -> float:
        changed = request.model_copy(update={"denoising_strength": strength})
        return float(np.abs(drawn(starter, changed, photo) - kept).mean())

    assert moved(0.2) < moved(0.9) / 1.5


@pytest.mark.parametrize("sampler", KINDS)
def test_a_batch_is_its_single_pictures(tiny: ModelBundle, sampler: str) -> None:
    request = begun(sampler=sampler, steps=4, eta=1.0, batch_size=2)
    batch = heard(tiny, request).pictures
    singles = heard(tiny, begun(sampler=sampler, steps=4, eta=1.0, batch_count=2)).pictures
    assert all(np.array_equal(batch[index], singles[index]) for index in (0, 1))
    assert not np.array_equal(batch[0], batch[1])


@pytest.mark.parametrize("fields", [{"steps": 3}, {"steps": 1, "exact_steps": True}])
def test_every_sampler_can_walk_the_least(tiny: ModelBundle, fields: dict[str, object]) -> None:
    """Rows of one level above 0, or of nothing but one step: pictures stay finite."""
    strength = 0.01 if "exact_steps" in fields else 0.0
    for sampler in BUILTIN.samplers:
        request = begun(sampler=sampler, denoising_strength=strength, cfg_scale=1.0, **fields)
        assert drawn(tiny, request).shape == (64, 64, 3), sampler


@pytest.mark.parametrize(
    "changes",
    [
        {"noise_multiplier": 0.9},
        {"extra_noise": 0.2},
        {"exact_steps": True},
        {"denoising_strength": 0.9},
        {"color_correction": True},
        {"tiling": True},
        {"resize_mode": "Just resize (latent upscale)"},
        {"resize_mode": "Crop and resize"},
        {"resize_mode": "Resize and fill"},
    ],
)
def test_each_field_changes_the_picture(tiny: ModelBundle, changes: dict[str, object]) -> None:
    photo = PHOTO[:40]
    assert not np.array_equal(drawn(tiny, begun(**changes), photo), drawn(tiny, begun(), photo))
    assert np.array_equal(
        drawn(tiny, begun(**changes), photo), drawn(tiny, begun(**changes), photo)
    )


def start_of(bundle: ModelBundle, **fields: Any) -> tuple[StartPicture, torch.Tensor, float]:
    """The start picture, what the pass begins with, and the level above which it begins."""
    request = begun(**fields)
    start = start_picture(bundle, request, {"init_image": png(PHOTO)})
    plan = make_plan(bundle, request, PromptEncoder(bundle), start=start)
    first, _ = starting_point(plan, request, (0,), start.batch(request, (0,)))
    return start, first, float(plan.sigmas[0])


@torch.inference_mode()
@pytest.mark.parametrize("sgm", [False, True])
def test_noise_is_multiplied_and_added_to(tiny: ModelBundle, *, sgm: bool) -> None:
    start, first, level = start_of(tiny, sampler="Euler", sgm_noise_multiplier=sgm)
    noise = (first - start.latents) / level
    assert 0.8 < float(noise.std()) < 1.2
    _, less, _ = start_of(tiny, sampler="Euler", noise_multiplier=0.5, extra_noise=0.1)
    assert torch.allclose(less, start.latents + noise * 0.5 * (level + 0.1), atol=1e-4)
    # DDIM adds it in the model's own coordinates.
    _, plain, level = start_of(tiny, sampler="DDIM")
    _, more, _ = start_of(tiny, sampler="DDIM", extra_noise=0.1)
    assert torch.allclose(more - plain, noise * 0.1 * (1 + level**2) ** 0.5, atol=1e-4)


@torch.inference_mode()
def test_latents_are_enlarged_instead_of_pixels(tiny: ModelBundle) -> None:
    photo = PHOTO[:36, :43]
    request = begun(resize_mode="Just resize (latent upscale)")
    start = start_picture(tiny, request, {"init_image": png(photo)})
    brought = np.asarray(Image.fromarray(photo).resize((40, 32), Image.Resampling.LANCZOS))
    own = encode(tiny, brought)[None]
    wanted = torch.nn.functional.interpolate(own, (8, 8), mode="bilinear")
    assert torch.equal(start.latents, wanted)
    assert start.pixels.shape == (64, 64, 3)


def test_extra_noise_reaches_the_second_pass_too_and_multiplied_noise_does_not(
    tiny: ModelBundle,
) -> None:
    request = small(hires=True, hires_scale=1.5, steps=2)
    pictures = []
    for changes in ({}, {"extra_noise": 0.3}, {"noise_multiplier": 0.5}):
        recorder = Recorder()
        generate(tiny, request.model_copy(update=changes), None, recorder)
        pictures.append(recorder.pictures[0])
    assert not np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[0], pictures[2])


def test_colors_are_taken_from_the_start_picture(tiny: ModelBundle) -> None:
    red = np.full((64, 64, 3), (200, 40, 40), np.uint8)
    plain, corrected = (
        drawn(tiny, begun(color_correction=on), red).astype(float) for on in (False, True)
    )
    assert (corrected @ (1, -0.5, -0.5)).mean() > (plain @ (1, -0.5, -0.5)).mean() + 40


def test_the_refiner_takes_over_on_the_way(tiny: ModelBundle, tiny_v: ModelBundle) -> None:
    calls: list[str] = []
    hooks = [
        bundle.unet.register_forward_hook(lambda *_, name=name: calls.append(name))
        for name, bundle in (("base", tiny), ("refiner", tiny_v))
    ]
    request = begun(
        checkpoint="a", refiner_checkpoint="b", refiner_by_steps=True, refiner_switch_at=0.5,
        steps=6, sampler="Euler",
    )  # fmt: skip
    others: dict[str, Loaded] = {"b": (tiny_v, PromptEncoder(tiny_v))}
    heard(tiny, request, others=others)
    for hook in hooks:
        hook.remove()
    # Of 4 steps.
    assert calls == ["base"] * 2 + ["refiner"] * 2


def test_costs_are_measured_for_each_strength(tiny_folder: Path) -> None:
    sizes = {"width": 64, "height": 64, "steps": 4, "runs": 1}
    half, all_of_it = beginning_costs(tiny_folder, strengths=(0.5, 1.0), **sizes)
    assert (half.walked, all_of_it.walked) == (3, 4)
    assert 0 < half.steps_alone < half.from_noise
    assert half.expected == pytest.approx(half.from_noise - half.steps_alone / 4 + half.encoding)
    assert all_of_it.expected == all_of_it.from_noise + all_of_it.encoding
    assert half.ratio == half.from_picture / half.expected
