"""Jobs that begin with a finished picture, and those that need several models."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.services.conftest import AnyModel, a_request
from webui.core.errors import InvalidRequest, NotFound
from webui.services.announce import Announcer
from webui.services.hub import EventHub
from webui.services.job_table import JobTable
from webui.services.originals import enlarging
from webui.services.runs import Runs
from webui.services.workers.protocol import WorkerId

WORKER = WorkerId(0, 1)


@pytest.fixture
def picture(images, job):
    return images.save(job, 0, 7, bytes(64 * 64 * 3), 64, 64, "", "{}")


@pytest.fixture
def table(store):
    return JobTable(store)


@pytest.fixture
def runs(images, inputs, table):
    return Runs(table, images, inputs, AnyModel(), Announcer(EventHub(), table, images))


def hires(picture_id, **fields):
    return a_request(hires=True, first_pass=picture_id, **fields)


def test_the_worker_gets_the_picture_and_all_models(runs, table, images, picture):
    wanted = hires(picture.id, hires_checkpoint="b", refiner_checkpoint="c")
    command = runs.prepare(table.add("ann", wanted, None, 10), WORKER)
    assert command.images == {"first_pass": images.content(picture)}
    assert {name: files.checkpoint for name, files in command.others.items()} == {
        "b": "b", "c": "c",
    }  # fmt: skip
    plain = runs.prepare(table.add("ann", a_request(hires_checkpoint="b"), None, 10), WORKER)
    assert (plain.images, plain.others) == ({}, {})


@pytest.mark.parametrize(
    ("fields", "key", "field"),
    [
        ({"hires_checkpoint": "gone"}, "error.model_gone", "hires_checkpoint"),
        ({"refiner_checkpoint": "gone"}, "error.model_gone", "refiner_checkpoint"),
        ({"first_pass": "none"}, "error.first_pass_missing", "first_pass"),
    ],
)
def test_what_is_gone_by_the_time_of_its_turn_ends_the_job(runs, table, fields, key, field):
    table.add("ann", a_request(hires=True, **fields), None, 10)
    job = table.claim()
    assert runs.prepare(job, WORKER) is None
    ended = table.get(job.id)
    assert (ended.state, ended.error.key, ended.error.field) == ("failed", key, field)


def test_only_ones_own_picture_in_its_own_size_can_be_enlarged(server):
    job = server.finish(server.jobs.submit("ann", a_request()))
    [picture] = server.images.of_job(job.id)
    for owner, wanted, field in (
        ("bob", hires(picture.id), "first_pass"),
        ("ann", hires("none"), "first_pass"),
        ("ann", hires(picture.id, width=128), "width"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            server.jobs.submit(owner, wanted)
        assert caught.value.message.field == field
    assert server.finish(server.jobs.submit("ann", hires(picture.id))).state == "done"


def test_the_picture_keeps_its_settings_and_takes_the_wishes(server):
    request = a_request(seed=5, batch_count=2, steps=2, variation_strength=0.5, variation_seed=9)
    job = server.finish(server.jobs.submit("ann", request))
    second = server.images.of_job(job.id)[1]
    values = enlarging(second, {"hires_steps": 3, "first_pass": "other", "width": 8})
    alone = {"batch_count": 1, "seed": 5, "variation_seed": 10, "width": 64, "steps": 2}
    assert values == {
        **request.model_dump(), **alone, "hires": True, "first_pass": second.id, "hires_steps": 3,
    }  # fmt: skip
    with pytest.raises(NotFound):
        server.images.get("bob", second.id)


def test_steps_of_both_passes_are_announced(server):
    job = server.jobs.submit("ann", a_request("wait", hires=True, hires_steps=5, steps=9))
    assert server.jobs.view(job, "ann")["steps"] == 14
    server.jobs.cancel("ann", job.id)
    server.finish(job)


def test_an_enlarged_picture_in_tiles_is_judged_by_its_start(server, tmp_path):
    """Its own size and the tiles are known as soon as it is asked for."""
    Image.new("RGB", (64, 48)).save(tmp_path / "start.png")
    [start] = server.inputs.take("ann", [tmp_path / "start.png"])
    wish = {"tile_upscale": True, "tile_overlap": 16, "init_image": start.id, "batch_size": 4}
    job = server.finish(server.jobs.submit("ann", a_request(**wish)))
    [picture] = server.images.of_job(job.id)
    again = enlarging(picture, {"tile_upscaler": "Nearest"})
    assert (job.state, again["tile_upscale"], again["init_image"]) == ("done", False, "")
    with pytest.raises(InvalidRequest) as caught:
        server.jobs.submit("ann", a_request(**{**wish, "tile_overlap": 63, "tile_scale": 4.0}))
    assert caught.value.message.key == "error.tile_count"
