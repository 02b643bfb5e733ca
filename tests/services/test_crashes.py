"""Worker and server are killed in the middle of things; then is counted what is left."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from PIL import Image

from tests.services import server_process
from tests.services.conftest import a_request, wait_until
from tests.services.echo_worker import colour
from webui.services.images import ImageStore
from webui.services.job_table import JobTable
from webui.services.records import Picture
from webui.services.store import Store

KILLS = 6


def the_worker():
    """The running echo worker among our children."""
    for child in psutil.Process().children():
        if "tests.services.echo_worker" in child.cmdline():
            return child
    return None


def check_files(data_dir: Path, pictures: list[Picture]) -> None:
    """One whole file per picture, with the right content, and nothing else."""
    files = [path for path in (data_dir / "outputs").rglob("*") if path.is_file()]
    rows = [data_dir / picture.path for picture in pictures]
    assert sorted(files) == sorted(rows)
    for picture in pictures:
        with Image.open(data_dir / picture.path) as image:
            assert image.tobytes() == colour(picture.seed) * 64 * 64
            assert json.loads(image.text["inkstone"])["seed"] == picture.seed


def test_worker_killed_in_mid_batch(tmp_path, server):
    job = server.jobs.submit("ann", a_request("slow", batch_size=2, batch_count=4))
    wait_until(lambda: len(server.images.of_job(job.id)) >= 2)
    before = server.images.of_job(job.id)
    the_worker().kill()
    ended = server.finish(job)
    assert (ended.state, ended.crashes) == ("done", 1)
    after = server.images.of_job(job.id)
    assert [picture.index for picture in after] == list(range(8))
    assert [picture for picture in after if picture in before] == before  # made only once
    check_files(tmp_path / "data", after)


def test_who_is_set_aside_without_blame_is_drawn_when_asked_again(server):
    job = server.jobs.submit("ann", a_request("wait", steps=30))
    for _ in range(2):
        wait_until(lambda: server.jobs.view(server.state(job), "ann")["step"] > 0)
        the_worker().kill()
        wait_until(lambda: server.state(job).state != "running")
    assert server.finish(job).state == "set_aside"
    again = server.finish(server.jobs.rerun("ann", job.id))
    assert (again.state, again.crashes, len(server.images.of_job(again.id))) == ("done", 0, 1)


def test_a_job_that_crashes_once_is_done_in_the_end(tmp_path, run_server, monkeypatch):
    monkeypatch.setenv("ECHO_MARK", str(tmp_path / "mark"))
    with run_server(tmp_path / "data") as server:
        job = server.finish(server.jobs.submit("ann", a_request("crash-once@2", batch_count=3)))
        assert (job.state, job.crashes) == ("done", 1)
        check_files(tmp_path / "data", server.images.of_job(job.id))


def test_poison_is_set_aside_and_the_others_go_on(tmp_path, server):
    poison = server.jobs.submit("ann", a_request("crash@2", batch_count=3))
    mine, other = server.jobs.submit("ann", a_request()), server.jobs.submit("ben", a_request())
    ended = server.finish(poison)
    assert (ended.state, ended.crashes) == ("set_aside", 2)
    assert ended.error.key == "error.job_crashed_worker"
    assert ended.error.values == {"crashes": 2, "exit_code": 139}
    assert server.finish(mine).state == server.finish(other).state == "done"
    assert server.jobs.view(ended, "ann")["error"]["values"]["crashes"] == 2


def test_cancelled_job_whose_worker_dies_is_not_taken_up_again(server):
    job = server.jobs.submit("ann", a_request("wait", steps=150))
    wait_until(lambda: server.jobs.view(server.state(job), "ann")["step"] > 0)
    worker = the_worker()
    worker.suspend()  # so that it cannot answer
    server.jobs.cancel("ann", job.id)
    worker.kill()
    ended = server.finish(job)
    assert (ended.state, ended.crashes) == ("cancelled", 0)


def test_all_pictures_there_but_the_end_was_not_heard(tmp_path, server):
    """The worker dies between its last picture and saying that the job is finished."""
    job = server.jobs.submit("ann", a_request("die-at-the-end", batch_count=2))
    ended = server.finish(job)
    assert (ended.state, ended.crashes) == ("done", 0)
    assert len(server.images.of_job(job.id)) == 2


def test_start_settles_a_picture_whose_row_was_not(tmp_path, run_server, store):
    """What a kill between the renaming of the file and the settling of its row leaves behind."""
    table = JobTable(store)
    job = table.add("ann", a_request(seed=9), None, 10)
    table.claim()
    with store.write() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER killed BEFORE UPDATE ON pictures BEGIN SELECT RAISE(ABORT, 'x'); END"
        )
    picture = ImageStore(store).save(job, 0, 9, colour(9) * 64 * 64, 64, 64, "t", '{"seed": 9}')
    with store.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER killed")
    store.close()
    with run_server(tmp_path / "data") as server:
        assert server.finish(job).state == "done"
        assert server.images.of_job(job.id) == [picture]
        check_files(tmp_path / "data", [picture])


@pytest.mark.slow
def test_server_killed_again_and_again(tmp_path, repository):
    data_dir, log = tmp_path / "data", tmp_path / "ends.log"
    chance = random.Random(20)
    seen: set[Picture] = set()
    rounds = 0
    while rounds < KILLS or not seen:  # a busy machine may be killed before its first picture
        rounds += 1
        server = start_server(repository, data_dir, log)
        # Any moment will do; nothing is measured.
        time.sleep(chance.uniform(0.05, 0.8 * max(1, rounds - KILLS)))
        kill(server)
        saved = all_pictures(data_dir)
        assert seen <= saved, "a saved picture was lost"
        seen = saved
    last = start_server(repository, data_dir, log)
    assert last.wait(120) == 0
    last.stdout.close()

    pictures = all_pictures(data_dir)
    assert seen <= pictures
    wanted = server_process.JOBS * server_process.PICTURES
    assert len(pictures) == len({(p.job_id, p.index) for p in pictures}) == wanted
    check_files(data_dir, sorted(pictures, key=lambda picture: picture.path))
    store = Store(data_dir)
    jobs = JobTable(store).finished("a", 100) + JobTable(store).finished("b", 100)
    store.close()
    assert [job.state for job in jobs] == ["done"] * server_process.JOBS
    assert all(job.crashes == 0 for job in jobs)
    ends = Counter(line for line in log.read_text("ascii").splitlines() if line.endswith("done"))
    assert max(ends.values()) == 1, "a job ran to its end twice"


def start_server(repository: Path, data_dir: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.services.server_process", str(data_dir), str(log)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=repository)
    assert server.stdout.readline() == b"ready\n"
    return server


def kill(server: subprocess.Popen[bytes]) -> None:
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    server.stdout.close()


def all_pictures(data_dir: Path) -> set[Picture]:
    """The saved pictures as the next server finds them."""
    store = Store(data_dir)
    images = ImageStore(store)
    images.recover()
    pictures = {p for owner in "ab" for p in images.page(owner, 1, 1000)[0]}
    store.close()
    return pictures
