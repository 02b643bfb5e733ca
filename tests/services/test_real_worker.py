"""The queue with the real worker process and a tiny real model."""

from __future__ import annotations

import psutil
import pytest

from tests.services.conftest import wait_until
from tests.tiny_models import build_tiny_model
from webui.core.request import GenerationRequest
from webui.services.hub import EventHub
from webui.services.images import ImageStore
from webui.services.inputs.store import InputStore
from webui.services.jobs import JobService
from webui.services.models import ModelLibrary
from webui.services.store import Store
from webui.services.workers.local import LocalPool

pytestmark = pytest.mark.slow


@pytest.fixture
def service(tmp_path):
    build_tiny_model(tmp_path / "models" / "checkpoints" / "tiny")
    library = ModelLibrary(tmp_path / "models")
    store = Store(tmp_path / "data")
    images = ImageStore(store)
    inputs = InputStore(store)
    pool = LocalPool(tmp_path / "data")
    jobs = JobService(store, images, inputs, EventHub(), pool, library)
    jobs.start(library.files("tiny"))
    yield jobs, images
    jobs.close()
    inputs.close()
    store.close()


def finish(jobs, job):
    wait_until(lambda: not jobs.get("ann", job.id).active)
    return jobs.get("ann", job.id)


def a_tiny_request(**fields):
    values = {"prompt": "a cat", "checkpoint": "tiny", "width": 64, "height": 64, "steps": 4}
    return GenerationRequest(**{**values, **fields})


def kill_worker():
    # Servers that other tests of this process have started are not meant.
    children = psutil.Process().children()
    (worker,) = [c for c in children if {"webui.cli", "worker"} <= set(c.cmdline())]
    worker.kill()


def test_killed_cancelled_and_broken_jobs(service):
    jobs, images = service
    request = a_tiny_request(batch_count=12, steps=20, seed=3)

    whole = finish(jobs, jobs.submit("ann", request))
    assert whole.state == "done"
    wanted = [images.content(picture) for picture in images.of_job(whole.id)]
    assert len(wanted) == 12

    torn = jobs.submit("ann", request)
    wait_until(lambda: len(images.of_job(torn.id)) >= 2)
    kill_worker()
    torn = finish(jobs, torn)
    assert (torn.state, torn.crashes) == ("done", 1)
    # The second process draws the very pictures that the first would have drawn.
    assert [images.content(picture) for picture in images.of_job(torn.id)] == wanted

    long = jobs.submit("ann", a_tiny_request(steps=150, batch_count=100))
    wait_until(lambda: jobs.view(jobs.get("ann", long.id), "ann")["step"] > 0)
    jobs.cancel("ann", long.id)
    assert finish(jobs, long).state == "cancelled"

    skipping = jobs.submit("ann", a_tiny_request(steps=150, batch_count=2))
    wait_until(lambda: jobs.view(jobs.get("ann", skipping.id), "ann")["step"] > 0)
    jobs.skip("ann", skipping.id)
    assert finish(jobs, skipping).state == "done"
    assert [p.state for p in images.of_job(skipping.id)] == ["skipped", "saved"]
