"""A real store, real pictures and a real pool of echo workers in a fresh data folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from webui.core.errors import ModelFileError
from webui.core.events import ModelFiles, UpscalerFile
from webui.core.request import GenerationRequest
from webui.services.hub import EventHub
from webui.services.images import ImageStore
from webui.services.inputs.store import InputStore
from webui.services.job_table import JobTable
from webui.services.jobs import JobService
from webui.services.records import Job
from webui.services.store import Store
from webui.services.workers.local import LocalPool, LocalPoolOptions

ECHO_COMMAND = (sys.executable, "-m", "tests.services.echo_worker")
SAFETY_NET = 120.0


class AnyModel:
    """Knows every checkpoint but "gone"."""

    def files(self, checkpoint: str, vae: str, field: str = "checkpoint") -> ModelFiles:
        if checkpoint == "gone":
            raise ModelFileError("error.model_gone", field=field, name=checkpoint)
        return ModelFiles(checkpoint, "/nowhere")

    def embeddings_folders(self) -> tuple[str, ...]:
        return ("/nowhere/embeddings",)

    def upscaler_files(self, *names: str) -> dict[str, UpscalerFile]:
        return {}

    def hash_of(self, name: str) -> str | None:
        return "0123456789"

    def vae_hash_of(self, name: str) -> str | None:
        return None


@dataclass(frozen=True)
class Server:
    """The services as the server composes them."""

    store: Store
    images: ImageStore
    inputs: InputStore
    hub: EventHub
    jobs: JobService

    def finish(self, job: Job) -> Job:
        """The job when it is over."""
        wait_until(lambda: not self.state(job).active)
        return self.state(job)

    def state(self, job: Job) -> Job:
        return self.jobs.get(job.owner, job.id)


@contextmanager
def served(data_dir: Path, library: AnyModel | None = None, **options: object) -> Iterator[Server]:
    """Runs the services on a data folder with one echo worker, or as `options` say."""
    settings = {"command": ECHO_COMMAND, "back_off": (0.0,), **options}
    store = Store(data_dir)
    images = ImageStore(store)
    inputs = InputStore(store)
    hub = EventHub()
    pool = LocalPool(data_dir, LocalPoolOptions(**settings))
    jobs = JobService(store, images, inputs, hub, pool, library or AnyModel(), max_queued=20)
    jobs.start()
    try:
        yield Server(store, images, inputs, hub, jobs)
    finally:
        jobs.close()
        inputs.close()
        store.close()


@pytest.fixture
def run_server() -> Callable[..., AbstractContextManager[Server]]:
    return served


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with served(tmp_path / "data") as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def images(store):
    return ImageStore(store)


@pytest.fixture
def inputs(store):
    opened = InputStore(store)
    opened.recover()
    yield opened
    opened.close()


@pytest.fixture
def job(store):
    return JobTable(store).add("ann", a_request(batch_count=4), None, 10)


def wait_until(claim: Callable[[], bool]) -> None:
    """Returns as soon as the claim holds; fails when it does not for two minutes."""
    deadline = time.monotonic() + SAFETY_NET
    while not claim():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def a_request(prompt: str = "a cat", **fields: object) -> GenerationRequest:
    """A small request."""
    values = {"width": 64, "height": 64, "steps": 3, "checkpoint": "m", **fields}
    return GenerationRequest(prompt=prompt, **values)
