"""Hires fix and the refiner, with tiny real models and the one that is shipped."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image

from tests.engine.test_pipeline import Recorder, small
from webui.core.errors import InkstoneError, Skipped
from webui.core.request import GenerationRequest
from webui.engine.bundle import ModelBundle
from webui.engine.drawing import Loaded
from webui.engine.latents import Pixels
from webui.engine.pipeline import Indices, generate
from webui.engine.samplers import StepEvent
from webui.engine.text_encoder import PromptEncoder

KINDS = ("Euler a", "DPM++ 2M SDE", "DPM adaptive", "DDIM", "UniPC", "Restart", "LCM")
"""One sampler of each kind: how they draw noise, choose levels and take batches."""


def hires(**fields: object) -> GenerationRequest:
    return small(**{"hires": True, "hires_scale": 1.5, **fields})


def loaded(**models: ModelBundle) -> dict[str, Loaded]:
    return {name: (bundle, PromptEncoder(bundle)) for name, bundle in models.items()}


def heard(bundle: ModelBundle, request: GenerationRequest, **given: object) -> Recorder:
    recorder = Recorder()
    generate(bundle, request, None, recorder, **given)
    return recorder


def drawn(bundle: ModelBundle, request: GenerationRequest, **given: object) -> Pixels:
    return heard(bundle, request, **given).pictures[0]


def png(picture: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def calls_of(bundle: ModelBundle) -> tuple[list[tuple[int, ...]], object]:
    """The shapes of the latents that the UNet is called with from now on, and the hook."""
    shapes: list[tuple[int, ...]] = []
    hook = bundle.unet.register_forward_hook(lambda _, given, __: shapes.append(given[0].shape))
    return shapes, hook


@pytest.mark.parametrize("sampler", KINDS)
def test_a_batch_is_its_single_pictures(tiny: ModelBundle, sampler: str) -> None:
    request = hires(sampler=sampler, eta=1.0, steps=3, denoising_strength=0.5)
    batch = heard(tiny, request.model_copy(update={"batch_size": 2})).pictures
    singles = heard(tiny, request.model_copy(update={"batch_count": 2})).pictures
    for index in (0, 1):
        assert batch[index].shape == (96, 96, 3)
        assert np.array_equal(batch[index], singles[index])
    assert not np.array_equal(batch[0], batch[1])


def test_passes_are_told_as_one_row_of_steps(tiny: ModelBundle) -> None:
    recorder = heard(tiny, hires(steps=2, hires_steps=3, batch_count=2, hires_upscaler="Lanczos"))
    one = ["denoise", "upscale", "hires", "decode"]
    assert [phase for phase, _ in recorder.phases] == ["encode", *one, *one]
    steps = [(step, steps) for indices, step, steps in recorder.steps if indices == (1,)]
    assert steps == [(n, 5) for n in range(1, 6)]


def test_strength_0_leaves_the_enlarged_picture_as_it_is(tiny: ModelBundle) -> None:
    recorder = heard(tiny, hires(denoising_strength=0, hires_upscaler="Latent (nearest)"))
    assert [phase for phase, _ in recorder.phases] == ["encode", "denoise", "upscale", "decode"]
    assert recorder.steps[-1] == ((0,), 3, 3)
    assert recorder.pictures[0].shape == (96, 96, 3)


def test_a_weak_second_pass_keeps_the_picture_and_a_strong_one_does_not(
    starter: ModelBundle,
) -> None:
    request = hires(prompt="a red apple", width=128, height=128, steps=6, hires_upscaler="Lanczos")

    def picture(strength: float) -> Pixels:
        return drawn(starter, request.model_copy(update={"denoising_strength": strength}))

    kept = picture(0).astype(float)
    weak, strong = (np.abs(picture(s) - kept).mean() for s in (0.2, 0.9))
    assert weak < strong / 1.5


@pytest.mark.parametrize(
    "changes",
    [
        {"hires_upscaler": "Latent (nearest)"},
        {"hires_upscaler": "Lanczos"},
        {"hires_steps": 2},
        {"denoising_strength": 0.4},
        {"hires_sampler": "Euler a"},
        {"hires_schedule": "Exponential"},
        {"hires_cfg_scale": 2.0},
        {"hires_prompt": "dog"},
        {"hires_negative_prompt": "dog"},
    ],
)
def test_each_field_changes_the_second_pass_alone(
    tiny: ModelBundle, changes: dict[str, object]
) -> None:
    assert not np.array_equal(drawn(tiny, hires(**changes)), drawn(tiny, hires()))
    off = {"hires": False}
    assert np.array_equal(drawn(tiny, hires(**changes, **off)), drawn(tiny, small()))


def test_the_second_pass_may_have_another_checkpoint(
    tiny: ModelBundle, tiny_v: ModelBundle
) -> None:
    request = hires(checkpoint="a", hires_checkpoint="b", steps=2)
    first, hook_a = calls_of(tiny)
    second, hook_b = calls_of(tiny_v)
    picture = drawn(tiny, request, others=loaded(b=tiny_v))
    hook_a.remove()
    hook_b.remove()
    assert {shape[-2:] for shape in first} == {(8, 8)}
    assert {shape[-2:] for shape in second} == {(12, 12)}
    assert not np.array_equal(picture, drawn(tiny, hires(steps=2)))


@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos"])
def test_a_finished_picture_takes_the_place_of_the_first_pass(
    starter: ModelBundle, upscaler: str
) -> None:
    request = small(
        prompt="a red apple", width=128, height=128, steps=8, denoising_strength=0.5,
        hires_upscaler=upscaler, hires_scale=1.5, cfg_scale=5.0,
    )  # fmt: skip
    finished = drawn(starter, request)
    both = request.model_copy(update={"hires": True})
    whole = drawn(starter, both)
    later = both.model_copy(update={"first_pass": "id"})
    recorder = heard(starter, later, images={"first_pass": png(finished)})
    assert recorder.steps[0][1:] == (1, 8)
    assert [phase for phase, _ in recorder.phases] == ["encode", "upscale", "hires", "decode"]
    # For pixels the very same; for latents as good as the VAE is.
    difference = np.abs(recorder.pictures[0].astype(float) - whole).mean()
    assert difference == 0 if upscaler == "Lanczos" else difference < 12


@pytest.mark.parametrize(
    ("images", "key"),
    [
        ({}, "error.first_pass_missing"),
        ({"first_pass": b"no picture"}, "error.first_pass_missing"),
        ({"first_pass": png(np.zeros((64, 72, 3), np.uint8))}, "error.first_pass_size"),
    ],
)
def test_a_picture_that_cannot_be_enlarged_is_refused(
    tiny: ModelBundle, images: dict[str, bytes], key: str
) -> None:
    with pytest.raises(InkstoneError) as caught:
        generate(tiny, hires(first_pass="id"), images=images)
    assert caught.value.message.key == key


def test_skipping_works_in_the_second_pass(tiny: ModelBundle) -> None:
    class SkipsSecond(Recorder):
        def on_step(self, indices: Indices, event: StepEvent) -> None:
            super().on_step(indices, event)
            if indices == (0,) and event.step == 5:
                raise Skipped

    recorder = SkipsSecond()
    generate(tiny, hires(batch_count=2), None, recorder)
    assert recorder.skipped == [(0,)]
    assert list(recorder.pictures) == [1]


def turns(
    tiny: ModelBundle, tiny_v: ModelBundle, **fields: object
) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """The latent sizes that the model and its refiner are called with."""
    base, hook_a = calls_of(tiny)
    refiner, hook_b = calls_of(tiny_v)
    request = small(**{"checkpoint": "a", "refiner_checkpoint": "b", "steps": 8, **fields})
    try:
        generate(tiny, request, others=loaded(b=tiny_v))
    finally:
        hook_a.remove()
        hook_b.remove()
    return [shape[-2:] for shape in base], [shape[-2:] for shape in refiner]


@pytest.mark.parametrize(
    ("fields", "base", "refiner"),
    [
        ({"refiner_by_steps": True, "refiner_switch_at": 0.5}, 4, 4),
        ({"refiner_by_steps": True, "refiner_switch_at": 0.51}, 5, 3),
        # 8 calls at the timesteps 999, 856, 714, 571, 428, 285, 143 and 0.
        ({"schedule": "Uniform", "refiner_switch_at": 0.5}, 4, 4),
        ({"schedule": "Uniform", "refiner_switch_at": 0.72}, 6, 2),
        ({"schedule": "Uniform", "refiner_switch_at": 1.0}, 8, 0),
        # Heun calls the model twice a step, but for the last.
        ({"sampler": "Heun", "refiner_by_steps": True, "refiner_switch_at": 0.5}, 8, 7),
        ({"sampler": "DDIM CFG++", "refiner_by_steps": True, "refiner_switch_at": 0.5}, 4, 3),
    ],
)
def test_the_refiner_takes_over_where_it_should(
    tiny: ModelBundle, tiny_v: ModelBundle, fields: dict[str, object], base: int, refiner: int
) -> None:
    got = turns(tiny, tiny_v, **{"sampler": "Euler", **fields})
    assert tuple(map(len, got)) == (base, refiner)


@pytest.mark.parametrize(
    ("which", "refined"),
    [("first", {(8, 8)}), ("second", {(12, 12)}), ("both", {(8, 8), (12, 12)})],
)
def test_the_refiner_works_in_the_passes_that_it_is_for(
    tiny: ModelBundle, tiny_v: ModelBundle, which: str, refined: set[tuple[int, int]]
) -> None:
    fields = {"hires": True, "hires_scale": 1.5, "refiner_by_steps": True, "refiner_switch_at": 0.5}
    base, refiner = turns(tiny, tiny_v, hires_refiner=which, sampler="Euler", **fields)
    assert set(refiner) == refined
    assert set(base) == {(8, 8), (12, 12)}


def test_the_refiner_is_told_the_prompt_of_its_step(tiny: ModelBundle, tiny_v: ModelBundle) -> None:
    """A prompt that changes at the switch is to the refiner what its second text is alone."""

    def picture(prompt: str) -> Pixels:
        request = small(
            checkpoint="a", refiner_checkpoint="b", refiner_by_steps=True, refiner_switch_at=0.5,
            prompt=prompt, steps=4, sampler="Euler",
        )  # fmt: skip
        return drawn(tiny, request, others=loaded(b=tiny_v))

    assert not np.array_equal(picture("[cat:dog:2]"), picture("cat"))
    assert not np.array_equal(picture("[cat:dog:2]"), picture("dog"))
    assert np.array_equal(picture("[cat:dog:4]"), picture("cat"))


def test_models_of_other_latents_are_refused(tiny: ModelBundle, tiny_v: ModelBundle) -> None:
    other = dataclasses.replace(tiny_v, vae_factor=4)
    request = hires(checkpoint="a", hires_checkpoint="b")
    with pytest.raises(InkstoneError) as caught:
        generate(tiny, request, others=loaded(b=other))
    assert caught.value.message.field == "hires_checkpoint"


def test_the_present_grad_mode_is_kept(tiny: ModelBundle) -> None:
    generate(tiny, hires(steps=1))
    assert torch.is_grad_enabled()
