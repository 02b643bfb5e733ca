"""Uploaded pictures: whose they are, how long they stay, and what jobs make of them."""

from __future__ import annotations

import io
import os
import stat
import sys
from datetime import datetime, timedelta, timezone

import pytest
from PIL import Image
from sqlalchemy import insert, update

from tests.hostile_pictures import bit_bomb, gradient, raw_png, saved, text_bomb
from tests.services.conftest import AnyModel, a_request
from webui.core.errors import InvalidRequest, NotFound, StorageError, TooLarge
from webui.services.announce import Announcer
from webui.services.hub import EventHub
from webui.services.inputs.limits import InputLimits
from webui.services.inputs.normalising import Normaliser, PlainPicture
from webui.services.inputs.store import InputStore
from webui.services.job_table import JobTable
from webui.services.originals import enlarging
from webui.services.runs import Runs
from webui.services.store import Store
from webui.services.tables import inputs as input_rows
from webui.services.tables import jobs as job_rows
from webui.services.workers.protocol import WorkerId

WORKER = WorkerId(0, 1)


@pytest.fixture
def add(inputs, tmp_path):
    def adding(owner="ann", image=None, kind="PNG"):
        file = tmp_path / "upload"
        file.write_bytes(saved(image or gradient(), kind))
        [taken] = inputs.begin(owner, [file]).result()
        return taken

    return adding


def age(store, days):
    """Makes all uploads older."""
    used = datetime.now(timezone.utc) - timedelta(days=days)
    with store.write() as connection:
        connection.execute(update(input_rows).values(used=used))


def test_the_same_pixels_are_one_file_and_everybody_sees_their_own(inputs, add, store):
    first, again = add(), add(kind="BMP")
    assert first.id == again.id
    with pytest.raises(NotFound):
        inputs.content("bob", first.id)
    assert add("bob").id == first.id
    assert inputs.content("bob", first.id) == inputs.content("ann", first.id)
    files = [path for path in (store.data_dir / "inputs").rglob("*") if path.is_file()]
    assert [path.name for path in files] == [f"{first.id}.png"]
    if sys.platform != "win32":
        assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600]
    with Image.open(io.BytesIO(inputs.content("ann", first.id))) as image:
        assert (image.format, image.size) == ("PNG", (first.width, first.height))


def test_what_nobody_uses_goes_and_what_a_job_names_stays(inputs, add, store):
    free, named, mask = add(), add(image=gradient((8, 8))), add(image=gradient((8, 16)))
    first = add(image=gradient((64, 64)))
    add("bob", gradient((8, 8)))
    table = JobTable(store)
    table.add("ann", a_request(init_image=named.id, mask=mask.id), None, 10)
    table.add("ann", a_request(hires=True, first_pass=first.id), None, 10)
    inputs.sweep()
    assert inputs.get("bob", named.id)
    age(store, 31)
    add("bob")
    inputs.sweep()
    assert inputs.content("ann", named.id)
    assert inputs.content("ann", mask.id)
    assert inputs.content("ann", first.id)
    for owner, gone in (("ann", free.id), ("bob", named.id)):
        with pytest.raises(NotFound):
            inputs.get(owner, gone)
    assert inputs.content("bob", free.id)  # the file of an owner who still has it
    age(store, 31)
    inputs.sweep()
    assert not (store.data_dir / "inputs" / f"{free.id}.png").exists()


def test_a_crash_leaves_nothing(store):
    folder = store.data_dir / "inputs" / "incoming"
    folder.mkdir(parents=True)
    (folder / "half").write_bytes(b"x")
    opened = InputStore(store)
    opened.recover()
    opened.close()
    assert list(folder.iterdir()) == []


def test_only_ones_own_pictures_begin_a_job(server, tmp_path):
    file = tmp_path / "upload"
    file.write_bytes(saved(gradient((64, 64)), "PNG"))
    [taken] = server.inputs.take("ann", [file])
    wanted = a_request(init_image=taken.id, mask=taken.id, denoising_strength=0.5)
    for owner, request, fields in (
        ("bob", wanted, ["init_image", "mask"]),
        ("ann", a_request(init_image=taken.id, mask="0" * 64), ["mask"]),
    ):
        with pytest.raises(InvalidRequest) as caught:
            server.jobs.submit(owner, request)
        problems = caught.value.problems
        assert [(p.key, p.field) for p in problems] == [("error.input_missing", f) for f in fields]
    done = server.finish(server.jobs.submit("ann", wanted))
    assert (done.state, done.kind) == ("done", "img2img")
    assert server.finish(server.jobs.rerun("ann", done.id)).state == "done"
    [picture] = server.images.of_job(done.id)
    assert picture.path.startswith("outputs/img2img-images/")
    # To enlarge the result, its own start picture plays no part.
    larger = enlarging(picture, {})
    assert (larger["init_image"], larger["mask"], larger["first_pass"]) == ("", "", picture.id)


def test_the_worker_gets_the_pictures_and_a_lost_one_ends_the_job(inputs, add, store, images):
    table, taken = JobTable(store), add()
    runs = Runs(table, images, inputs, AnyModel(), Announcer(EventHub(), table, images))
    for _ in range(2):
        table.add("ann", a_request(init_image=taken.id), None, 10)
    command = runs.prepare(table.claim(), WORKER)
    assert command.images == {"init_image": inputs.content("ann", taken.id)}
    inputs.file("ann", taken.id).unlink()
    job = table.claim()
    assert runs.prepare(job, WORKER) is None
    ended = table.get(job.id)
    assert (ended.state, ended.error.key, ended.error.field) == (
        "failed", "error.input_missing", "init_image",
    )  # fmt: skip


def test_a_data_folder_of_an_older_version_is_taken_over(tmp_path):
    store = Store(tmp_path)
    with store.write() as connection:
        connection.exec_driver_sql("DROP TABLE inputs")
        connection.exec_driver_sql("DROP TABLE job_inputs")
        row = {"owner": "ann", "kind": "txt2img", "state": "done", "crashes": 0}
        row |= {"request": '{"prompt": "a cat", "steps": 3}', "cancel_requested": False}
        now = datetime.now(timezone.utc)
        connection.execute(insert(job_rows).values(id="old", created=now, **row))
    store.close()
    again = Store(tmp_path)
    request = JobTable(again).get("old").request
    assert (request.prompt, request.steps, request.init_image) == ("a cat", 3, "")
    opened = InputStore(again)
    opened.recover()
    with pytest.raises(NotFound):
        opened.get("ann", "x")
    opened.close()
    again.close()


def outcomes(folder, files, limits):
    """What becomes of these bytes in one process."""
    work = []
    for index, data in enumerate(files):
        source = folder / f"{index}"
        source.write_bytes(data)
        work.append((source, folder / f"{index}.png"))
    return Normaliser(limits).run(work)


def test_one_bad_file_does_not_keep_the_others(tmp_path):
    good = saved(gradient(), "PNG")
    small = InputLimits(size=10_000_000, pixels=1000, side=5000)
    files = [good, b"", text_bomb(), bit_bomb(40), raw_png((5000, 1), 1, 0, bytes(626)), good]
    found = outcomes(tmp_path, files, small)
    assert [getattr(o, "message", o).key if not isinstance(o, PlainPicture) else o.width
            for o in found] == [24, "error.input_empty", 2, "error.input_pixels",
                                "error.input_pixels", 24]  # fmt: skip
    assert isinstance(found[3], TooLarge)
    assert found[0] == found[5]


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes among its files")
def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_is_read(tmp_path):
    """A process that is ended leaves the rest to another."""
    endless, good = tmp_path / "endless", tmp_path / "good"
    os.mkfifo(endless)
    good.write_bytes(saved(gradient(), "PNG"))
    work = [(endless, tmp_path / "a.png"), (good, tmp_path / "b.png")]
    found = Normaliser(InputLimits(), seconds=5).run(work)
    assert found[0].message.key == "error.input_heavy"
    assert isinstance(found[1], PlainPicture)


def test_a_missing_file_is_no_picture(tmp_path):
    [found] = Normaliser(InputLimits()).run([(tmp_path / "none", tmp_path / "x.png")])
    assert isinstance(found, StorageError)
