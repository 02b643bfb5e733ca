"""The disk fills up, refuses or the process is killed while a picture is saved."""

from __future__ import annotations

import io
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from PIL import Image

from tests.services.conftest import a_request
from tests.services.test_images import NOISE, files_in, save
from webui.core.errors import NotFound
from webui.services.images import ImageStore
from webui.services.job_table import JobTable
from webui.services.store import Store


@contextmanager
def largest_file(size):
    """What a full disk does to every file that would grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_keeps_the_picture_in_memory(tmp_path, images, job):
    big = os.urandom(1024 * 1024 * 3)
    with largest_file(2 * 2**20):
        picture = save(images, job, rgb=big, size=1024)
    assert picture.unsaved.key == "error.disk_full"
    assert images.path(picture) is None
    assert not list((tmp_path / "data/outputs").rglob("*.p*"))
    assert images.get("ann", picture.id) == picture
    with pytest.raises(NotFound):
        images.get("ben", picture.id)
    with Image.open(io.BytesIO(images.content(picture))) as image:
        assert image.tobytes() == big
    assert images.thumbnail(picture)
    assert images.of_job(job.id) == [picture]
    assert images.saved_counts([job.id]) == {job.id: 1}
    assert images.latest_job("ann") == job.id
    # With room again the next one is saved; nothing of the first is left behind.
    later = save(images, job, 1)
    assert later.unsaved is None
    assert files_in(tmp_path / "data/outputs") == [images.path(later).name]


def test_outputs_that_cannot_be_a_folder(tmp_path, images, job):
    (tmp_path / "data/outputs").write_text("a file")
    picture = save(images, job)
    assert picture.unsaved.key == "error.not_a_folder"
    assert images.content(picture)


def test_database_that_refuses_after_the_file_is_written(images, job, store):
    with store.write() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE UPDATE ON pictures"
            " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    picture = save(images, job)
    assert images.get("ann", picture.id) == picture
    assert images.page("ann", 1, 5) == ([], 0)
    with store.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER full")
    later = save(images, job, 1)
    assert images.page("ann", 1, 5) == ([later, picture], 2)
    assert images.saved_counts([job.id]) == {job.id: 2}


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.services.test_images import NOISE, save
from webui.services import files, images
from webui.services.job_table import JobTable
from webui.services.picture_table import PictureTable
from webui.services.store import Store

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

where, folder, job_id = sys.argv[1:]
store = Store(Path(folder))
pictures = images.ImageStore(store)
owner, name = {
    "before the row": (PictureTable, "begin"),
    "before the file": (images, "write_whole"),
    "before the sync": (os, "fsync"),
    "before the rename": (Path, "replace"),
    "after the rename": (files, "_sync_folder"),
    "before the row is saved": (PictureTable, "settle"),
}[where]
setattr(owner, name, die)
save(pictures, JobTable(store).get(job_id), 0)
"""


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("before the row", 0),
        ("before the file", 0),
        ("before the sync", 0),
        ("before the rename", 0),
        ("after the rename", 1),
        ("before the row is saved", 1),
    ],
)
def test_killed_while_saving(tmp_path, repository, where, kept):
    folder = tmp_path / "data"
    store = Store(folder)
    job = JobTable(store).add("ann", a_request(batch_count=4), None, 10)
    before = save(ImageStore(store), job, 3)
    store.close()
    command = [sys.executable, "-c", KILLED, where, str(folder), job.id]
    assert subprocess.run(command, cwd=repository, check=False).returncode == -signal.SIGKILL

    store = Store(folder)
    images = ImageStore(store)
    images.recover()
    found, total = images.page("ann", 1, 10)
    assert total == len(found) == 1 + kept
    assert before in found
    again = save(images, job, 0)  # as the job does when it is taken up again
    assert len(images.of_job(job.id)) == 2
    on_disk = files_in(folder / "outputs")
    assert len(on_disk) == 2
    assert images.path(again).name in on_disk
    with Image.open(images.path(again)) as image:
        assert image.tobytes() == NOISE
    store.close()
