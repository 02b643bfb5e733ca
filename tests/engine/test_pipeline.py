"""From a request to pictures, against diffusers' own pipeline and against itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webui.core.catalogue import BUILTIN
from webui.core.errors import Cancelled, InkstoneError, InvalidRequest, Skipped
from webui.core.events import Phase
from webui.core.request import GenerationRequest
from webui.engine.bench import BENCH_SAMPLERS, BenchSampler, compare
from webui.engine.bundle import ModelBundle
from webui.engine.device import cpu_device
from webui.engine.latents import Pixels
from webui.engine.pipeline import Indices, Picture, Watcher, generate
from webui.engine.samplers import StepEvent
from webui.engine.text_encoder import PromptEncoder


class Recorder(Watcher):
    """Notes everything; `stop` may raise at a step."""

    def __init__(self) -> None:
        self.phases: list[tuple[Phase, int]] = []
        self.steps: list[tuple[Indices, int, int]] = []
        self.pictures: dict[int, Pixels] = {}
        self.seeds: dict[int, int] = {}
        self.skipped: list[Indices] = []

    def on_phase(self, phase: Phase, index: int) -> None:
        self.phases.append((phase, index))

    def on_step(self, indices: Indices, event: StepEvent) -> None:
        self.steps.append((indices, event.step, event.steps))

    def on_picture(self, picture: Picture) -> None:
        self.pictures[picture.index] = picture.pixels
        self.seeds[picture.index] = picture.seed

    def on_skipped(self, indices: Indices) -> None:
        self.skipped.append(indices)


def small(**fields: object) -> GenerationRequest:
    defaults = {"prompt": "a cat", "width": 64, "height": 64, "steps": 3, "seed": 5}
    return GenerationRequest.model_validate({**defaults, **fields})


def drawn(
    bundle: ModelBundle, request: GenerationRequest, indices: Indices | None = None
) -> dict[int, Pixels]:
    recorder = Recorder()
    generate(bundle, request, indices, recorder)
    return recorder.pictures


@pytest.mark.parametrize("sampler", BENCH_SAMPLERS)
@pytest.mark.parametrize("model", ["tiny_folder", "tiny_v_folder"])
def test_latents_are_those_of_diffusers_pipeline(
    sampler: BenchSampler, model: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(model)
    [result] = compare(
        folder, samplers=(sampler,), steps=20, width=64, height=96, runs=1, device=cpu_device()
    )
    assert result.difference < 1e-4
    assert len(result.ours) == len(result.theirs) == 1


@pytest.mark.parametrize("sampler", BENCH_SAMPLERS)
def test_shipped_model_draws_what_diffusers_draws(
    starter_models: Path, sampler: BenchSampler
) -> None:
    [result] = compare(
        starter_models / "starter", samplers=(sampler,), steps=5, runs=1, device=cpu_device()
    )
    assert result.difference < 1e-4


@pytest.mark.parametrize("sampler", BUILTIN.samplers)
def test_a_batch_is_its_single_pictures(tiny: ModelBundle, sampler: str) -> None:
    batch = drawn(tiny, small(sampler=sampler, batch_size=3, eta=1.0))
    singles = drawn(tiny, small(sampler=sampler, batch_count=3, eta=1.0))
    shifted = drawn(tiny, small(sampler=sampler, seed=6, batch_count=2, eta=1.0))
    assert sorted(batch) == sorted(singles) == [0, 1, 2]
    for index in range(3):
        assert np.array_equal(batch[index], singles[index])
    assert np.array_equal(shifted[0], batch[1])
    assert not np.array_equal(batch[0], batch[1])


def test_a_batch_of_the_shipped_model_is_its_single_pictures(starter: ModelBundle) -> None:
    request = small(prompt="a red apple", width=128, height=128, steps=4)
    batch = drawn(starter, request.model_copy(update={"batch_size": 2}))
    singles = drawn(starter, request.model_copy(update={"batch_count": 2}))
    assert all(np.array_equal(batch[index], singles[index]) for index in (0, 1))


@pytest.mark.parametrize("sampler", ["DPM++ 2M", "DPM++ SDE"])
def test_the_picture_is_the_same_for_any_number_of_threads(
    starter: ModelBundle, sampler: str
) -> None:
    """Sums are made in another order, which may move a value by one of 255, not the picture."""
    request = small(prompt="a red apple", sampler=sampler, width=128, height=128, steps=4)
    kept = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = drawn(starter, request)[0]
        torch.set_num_threads(3)
        three = drawn(starter, request)[0]
    finally:
        torch.set_num_threads(kept)
    assert int(np.abs(one.astype(int) - three.astype(int)).max()) <= 1


def test_a_job_taken_up_again_makes_the_missing_pictures(tiny: ModelBundle) -> None:
    request = small(batch_size=2, batch_count=2)
    whole, rest = drawn(tiny, request), drawn(tiny, request, (1, 3))
    assert sorted(rest) == [1, 3]
    assert all(np.array_equal(rest[index], whole[index]) for index in rest)


def test_the_shipped_model_follows_its_prompt(starter: ModelBundle) -> None:
    """An apple is drawn red on white, so the picture's middle is redder than its corners."""
    request = small(prompt="a red apple", width=128, height=128, steps=10, cfg_scale=5.0)
    picture = drawn(starter, request)[0].astype(float)
    middle, corner = picture[48:80, 48:80].mean((0, 1)), picture[:12, :12].mean((0, 1))
    assert middle[0] > middle[1] + 40
    assert middle[0] > middle[2] + 40
    assert corner.min() > 180


def test_the_watcher_hears_everything_in_order(tiny: ModelBundle) -> None:
    recorder = Recorder()
    generate(tiny, small(batch_size=2, batch_count=2, steps=2), (0, 1, 3), recorder)
    assert recorder.phases == [
        ("encode", 0),
        ("denoise", 0),
        ("decode", 0),
        ("decode", 1),
        ("denoise", 3),
        ("decode", 3),
    ]
    assert recorder.steps == [((0, 1), 1, 2), ((0, 1), 2, 2), ((3,), 1, 2), ((3,), 2, 2)]
    assert recorder.seeds == {0: 5, 1: 6, 3: 8}


def test_skipping_gives_up_one_batch_alone(tiny: ModelBundle) -> None:
    class SkipsFirst(Recorder):
        def on_step(self, indices: Indices, event: StepEvent) -> None:
            super().on_step(indices, event)
            if indices[0] == 0 and event.step == 2:
                raise Skipped

    recorder = SkipsFirst()
    generate(tiny, small(batch_size=2, batch_count=2), None, recorder)
    assert recorder.skipped == [(0, 1)]
    assert sorted(recorder.pictures) == [2, 3]
    assert ((0, 1), 3, 3) not in recorder.steps


def test_cancelling_keeps_what_is_finished(tiny: ModelBundle) -> None:
    class StopsSecond(Recorder):
        def on_step(self, indices: Indices, event: StepEvent) -> None:
            super().on_step(indices, event)
            if indices == (1,):
                raise Cancelled

    recorder = StopsSecond()
    with pytest.raises(Cancelled):
        generate(tiny, small(batch_count=3), None, recorder)
    assert sorted(recorder.pictures) == [0]
    assert recorder.steps[-1] == ((1,), 1, 3)


def test_cfg_scale_one_ignores_the_negative_prompt(tiny: ModelBundle) -> None:
    plain = drawn(tiny, small(cfg_scale=1.0))[0]
    assert np.array_equal(drawn(tiny, small(cfg_scale=1.0, negative_prompt="dog"))[0], plain)
    assert not np.array_equal(
        drawn(tiny, small(cfg_scale=9.0, negative_prompt="dog"))[0],
        drawn(tiny, small(cfg_scale=9.0))[0],
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "a (dog:1.9)"},
        {"negative_prompt": "cat " * 100},
        {"seed": 6},
        {"steps": 4},
        {"sampler": "Euler a"},
        {"schedule": "Exponential"},
        {"clip_skip": 2},
        {"noise_source": "CPU"},
        {"cfg_scale": 12.0},
    ],
)
def test_each_field_changes_the_picture(tiny: ModelBundle, changes: dict[str, object]) -> None:
    assert not np.array_equal(drawn(tiny, small(**changes))[0], drawn(tiny, small())[0])


def test_eta_is_the_samplers_own_unless_said(tiny: ModelBundle) -> None:
    default = drawn(tiny, small(sampler="Euler a"))[0]
    assert np.array_equal(drawn(tiny, small(sampler="Euler a", eta=1.0))[0], default)
    without = drawn(tiny, small(sampler="Euler a", eta=0.0))[0]
    assert np.array_equal(drawn(tiny, small(sampler="Euler"))[0], without)
    assert not np.array_equal(without, default)


def test_ddim_ignores_the_schedule(tiny: ModelBundle) -> None:
    automatic = drawn(tiny, small(sampler="DDIM"))[0]
    assert np.array_equal(drawn(tiny, small(sampler="DDIM", schedule="Karras"))[0], automatic)


@pytest.mark.parametrize("sampler", BUILTIN.samplers)
def test_one_step_works(tiny: ModelBundle, sampler: str) -> None:
    recorder = Recorder()
    generate(tiny, small(sampler=sampler, steps=1), None, recorder)
    assert recorder.steps[-1] == ((0,), 1, 1)
    assert len(recorder.steps) == 1 or sampler == "DPM adaptive"
    assert recorder.pictures[0].std() > 0


@given(
    width=st.integers(8, 20),
    height=st.integers(8, 20),
    sampler=st.sampled_from(list(BUILTIN.samplers)),
)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_size_comes_out_as_asked(
    tiny: ModelBundle, width: int, height: int, sampler: str
) -> None:
    request = small(width=width * 8, height=height * 8, steps=2, sampler=sampler)
    picture = drawn(tiny, request)[0]
    assert picture.shape == (height * 8, width * 8, 3)
    assert picture.dtype == np.uint8


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"sampler": "None"}, "sampler"), ({"schedule": "None"}, "schedule")],
)
def test_unknown_names_are_refused(
    tiny: ModelBundle, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InkstoneError) as caught:
        generate(tiny, small(**changes))
    assert caught.value.message.field == field


def test_too_much_clip_skip_is_refused(tiny: ModelBundle) -> None:
    with pytest.raises(InvalidRequest):
        generate(tiny, small(clip_skip=9))


def test_prompts_are_encoded_once(tiny: ModelBundle) -> None:
    calls: list[int] = []
    hook = tiny.texts[0].encoder.register_forward_hook(lambda *_: calls.append(1))
    try:
        encoder = PromptEncoder(tiny)
        for _ in range(2):
            generate(tiny, small(batch_count=2), encoder=encoder)
    finally:
        hook.remove()
    assert len(calls) == 2  # prompt and negative prompt


def test_the_callers_grad_mode_is_left_alone(tiny: ModelBundle) -> None:
    generate(tiny, small())
    assert torch.is_grad_enabled()
