"""The worker: a real process at the other end of a real pipe."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch

from webui.core.catalogue import BUILTIN, SamplerSpec, build
from webui.core.errors import Message
from webui.core.events import (
    CancelJob,
    JobFinished,
    LoadStep,
    ModelFiles,
    ModelLoaded,
    PhaseStarted,
    PictureDone,
    PicturesSkipped,
    Preload,
    RunJob,
    SkipPictures,
    StepDone,
    Stop,
    Unload,
    WorkerEvent,
    WorkerReady,
)
from webui.core.request import GenerationRequest
from webui.engine.bundle import ModelBundle
from webui.engine.latents import Pixels
from webui.engine.pipeline import Picture, Watcher, generate
from webui.engine.text_encoder import PromptEncoder
from webui.engine.worker import run_worker

PATIENCE = 120
"""Seconds until a silent worker fails the test; a safety net, never a measurement."""

FAULTS = build(
    [
        *BUILTIN.samplers.values(),
        SamplerSpec("Greedy", f"{__name__}:greedy"),
        SamplerSpec("Broken", f"{__name__}:broken"),
        SamplerSpec("Missing", f"{__name__}:no_such_function"),
    ],
    BUILTIN.schedules.values(),
)


def greedy(*_: object, **__: object) -> torch.Tensor:
    """A sampler that wants more memory than there is."""
    return torch.empty(2**50)


def broken(*_: object, **__: object) -> torch.Tensor:
    """A sampler with a mistake in it."""
    raise ZeroDivisionError("a mistake")


def serve(connection: Connection) -> None:
    """What the process runs: the worker, with samplers that fail among the others."""
    run_worker(connection, FAULTS)


class Talk:
    """The server's end of the pipe."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=serve, args=(theirs,))
        self.process.start()
        theirs.close()

    def hear(self) -> WorkerEvent:
        if not self.connection.poll(PATIENCE):
            pytest.fail("the worker says nothing")
        event: WorkerEvent = self.connection.recv()
        return event

    def hear_until(self, kind: type) -> list[WorkerEvent]:
        events = [self.hear()]
        while not isinstance(events[-1], kind):
            events.append(self.hear())
        return events

    def run(self, job: RunJob) -> list[WorkerEvent]:
        self.connection.send(job)
        return self.hear_until(JobFinished)

    def ended(self) -> int | None:
        self.process.join(PATIENCE)
        return self.process.exitcode

    def close(self) -> None:
        self.connection.close()
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()


@pytest.fixture(scope="module")
def worker() -> Iterator[Talk]:
    """One worker for the tests that leave it alive. It has said that it is ready."""
    talk = Talk()
    assert isinstance(talk.hear(), WorkerReady)
    yield talk
    talk.close()


@pytest.fixture
def files(tiny_folder: Path) -> ModelFiles:
    return ModelFiles("tiny", str(tiny_folder))


def job(files: ModelFiles, name: str = "job", **fields: object) -> RunJob:
    defaults = {"prompt": "a cat", "width": 64, "height": 64, "steps": 3, "seed": 5}
    request = GenerationRequest.model_validate({**defaults, **fields})
    return RunJob(name, request, files, tuple(range(request.pictures)))


def outcome(events: list[WorkerEvent]) -> str:
    [finished] = [event for event in events if isinstance(event, JobFinished)]
    return finished.outcome


def error(events: list[WorkerEvent]) -> Message:
    [finished] = [event for event in events if isinstance(event, JobFinished)]
    assert finished.outcome == "failed"
    assert finished.error is not None
    return finished.error


def pictures(events: list[WorkerEvent]) -> dict[int, Pixels]:
    return {
        event.index: np.frombuffer(event.rgb, np.uint8).reshape(event.height, event.width, 3)
        for event in events
        if isinstance(event, PictureDone)
    }


class Collector(Watcher):
    def __init__(self) -> None:
        self.pictures: dict[int, Pixels] = {}

    def on_picture(self, picture: Picture) -> None:
        self.pictures[picture.index] = picture.pixels


def test_a_job_is_told_from_its_phases_to_its_pictures(
    worker: Talk, files: ModelFiles, tiny: ModelBundle
) -> None:
    work = job(files, batch_size=2, batch_count=2)
    work = replace(work, indices=(0, 1, 3))
    events = worker.run(work)
    told = [(e.phase, e.index) for e in events if isinstance(e, PhaseStarted)]
    assert told == [
        ("load", 0), ("encode", 0), ("denoise", 0), ("decode", 0), ("decode", 1),
        ("denoise", 3), ("decode", 3),
    ]  # fmt: skip
    steps = [(e.indices, e.step, e.steps) for e in events if isinstance(e, StepDone)]
    assert steps == [((0, 1), n, 3) for n in (1, 2, 3)] + [((3,), n, 3) for n in (1, 2, 3)]
    seeds = {e.index: e.seed for e in events if isinstance(e, PictureDone)}
    assert seeds == {0: 5, 1: 6, 3: 8}
    assert events[-1] == JobFinished("job", "done")
    here = Collector()
    generate(tiny, work.request, work.indices, here)
    got = pictures(events)
    assert sorted(got) == [0, 1, 3]
    assert all(np.array_equal(got[index], here.pictures[index]) for index in got)


def test_a_model_is_loaded_once(worker: Talk, files: ModelFiles, tiny_v_folder: Path) -> None:
    worker.run(job(files))
    assert not any(isinstance(event, ModelLoaded) for event in worker.run(job(files)))
    other = ModelFiles("other", str(tiny_v_folder))
    worker.connection.send(Preload(other))
    assert worker.hear() == ModelLoaded("other", pytest.approx(0, abs=PATIENCE))
    assert not any(isinstance(event, ModelLoaded) for event in worker.run(job(other)))
    worker.connection.send(Unload())
    assert any(isinstance(event, LoadStep) for event in worker.run(job(other)))
    copy = ModelFiles("copy", str(tiny_v_folder))
    steps = [event for event in worker.run(job(copy)) if isinstance(event, LoadStep)]
    shares = [event.done / event.total for event in steps]
    assert shares == sorted(set(shares))
    assert shares[-1] == 1


def test_hires_fix_with_other_models(
    worker: Talk, files: ModelFiles, tiny: ModelBundle, tiny_v: ModelBundle, tiny_v_folder: Path
) -> None:
    other = ModelFiles("other", str(tiny_v_folder))
    work = job(files, checkpoint="tiny", hires=True, hires_scale=1.5, hires_checkpoint="other")
    events = worker.run(replace(work, others={"other": other}))
    assert outcome(events) == "done"
    here = Collector()
    others = {"other": (tiny_v, PromptEncoder(tiny_v))}
    generate(tiny, work.request, None, here, others=others)
    assert np.array_equal(pictures(events)[0], here.pictures[0])
    assert pictures(events)[0].shape == (96, 96, 3)
    damaged = {"other": ModelFiles("other", str(tiny_v_folder / "missing"))}
    message = error(worker.run(replace(work, others=damaged)))
    assert (message.key, message.field) == ("error.model_missing", "hires_checkpoint")


def test_cancelling_stops_within_a_step_and_keeps_finished_pictures(
    worker: Talk, files: ModelFiles
) -> None:
    worker.connection.send(job(files, steps=150, batch_count=100))
    heard = worker.hear_until(PictureDone)
    worker.connection.send(CancelJob("job"))
    heard += worker.hear_until(JobFinished)
    assert outcome(heard) == "cancelled"
    assert 0 in pictures(heard)
    assert len(pictures(heard)) < 100
    assert outcome(worker.run(job(files))) == "done"


def test_a_waiting_job_can_be_cancelled(worker: Talk, files: ModelFiles) -> None:
    worker.connection.send(job(files, "first", steps=150))
    worker.connection.send(job(files, "second"))
    worker.connection.send(CancelJob("second"))
    assert outcome(worker.hear_until(JobFinished)) == "done"
    assert worker.hear() == JobFinished("second", "cancelled")


def test_cancelling_what_is_over_or_unknown_does_nothing(worker: Talk, files: ModelFiles) -> None:
    worker.run(job(files, "over"))
    for command in (CancelJob("over"), CancelJob("unknown"), SkipPictures("unknown")):
        worker.connection.send(command)
    assert outcome(worker.run(job(files, "over"))) == "done"


def test_skipping_goes_on_with_the_next_batch(worker: Talk, files: ModelFiles) -> None:
    work = job(files, steps=40, batch_size=2, batch_count=2, width=128, height=128)
    worker.connection.send(work)
    heard = worker.hear_until(StepDone)
    worker.connection.send(SkipPictures("job"))
    heard += worker.hear_until(JobFinished)
    assert PicturesSkipped("job", (0, 1)) in heard
    assert sorted(pictures(heard)) == [2, 3]
    assert outcome(heard) == "done"


def test_previews_are_jpegs_of_the_first_picture(worker: Talk, files: ModelFiles) -> None:
    events = worker.run(job(files, steps=60, width=256, height=256))
    previews = [event.preview for event in events if isinstance(event, StepDone) and event.preview]
    assert previews
    assert all(preview.startswith(b"\xff\xd8\xff") for preview in previews)
    assert len(previews) < 60


def test_a_damaged_model_fails_the_job_and_the_one_before_stays(
    worker: Talk, files: ModelFiles, tmp_path: Path
) -> None:
    worker.run(job(files))
    missing = ModelFiles("gone", str(tmp_path))
    worker.connection.send(Preload(missing))
    message = error(worker.run(job(missing)))
    assert message.key == "error.model_missing"
    assert str(tmp_path) in message.values["file"]
    events = worker.run(job(files))
    assert outcome(events) == "done"
    assert not any(isinstance(event, ModelLoaded) for event in events)


@pytest.mark.parametrize(
    ("sampler", "key"),
    [
        ("Greedy", "error.out_of_memory"),
        ("Broken", "error.job_failed"),
        ("Missing", "error.bad_target"),
        ("Unknown", "error.unknown_name"),
    ],
)
def test_a_fault_fails_the_job_alone(
    worker: Talk, files: ModelFiles, sampler: str, key: str
) -> None:
    assert error(worker.run(job(files, sampler=sampler))).key == key
    assert outcome(worker.run(job(files))) == "done"


def test_stop_ends_the_process() -> None:
    talk = Talk()
    try:
        talk.connection.send(Stop())
        assert isinstance(talk.hear(), WorkerReady)
        assert talk.ended() == 0
    finally:
        talk.close()


def test_a_closed_pipe_ends_the_process_in_mid_job(files: ModelFiles) -> None:
    talk = Talk()
    try:
        talk.connection.send(job(files, steps=150, batch_count=100))
        talk.hear_until(StepDone)
        connection: Connection = talk.connection
        connection.close()
        assert talk.ended() == 0
    finally:
        talk.close()
