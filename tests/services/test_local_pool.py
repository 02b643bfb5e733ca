from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.services.conftest import ECHO_COMMAND, SAFETY_NET, a_request, wait_until
from webui.core.events import (
    CancelJob,
    JobFinished,
    ModelFiles,
    PictureDone,
    RunJob,
    StepDone,
    WorkerReady,
)
from webui.services.workers.local import LocalPool, LocalPoolOptions
from webui.services.workers.process import LOG_BYTES
from webui.services.workers.protocol import WorkerDied, WorkerStarting

FILES = ModelFiles("m", "/nowhere")


class Ear:
    """Listens to a pool."""

    def __init__(self):
        self.heard = queue.Queue()

    def __call__(self, worker, event):
        self.heard.put((worker, event, time.monotonic()))

    def until(self, kind):
        """Everything up to the first event of this kind: the kinds, and that event's row."""
        kinds = []
        while True:
            row = self.heard.get(timeout=SAFETY_NET)
            kinds.append(type(row[1]))
            if isinstance(row[1], kind):
                return kinds, row


@pytest.fixture
def make_pool(tmp_path):
    pools = []

    def make(**options):
        settings = {"command": ECHO_COMMAND, "back_off": (0.0,), **options}
        pool, ear = LocalPool(tmp_path, LocalPoolOptions(**settings)), Ear()
        pools.append(pool)
        pool.start(ear)
        return pool, ear

    yield make
    for pool in pools:
        pool.close()
    me = psutil.Process()
    children = [c for c in me.children(recursive=True) if "echo_worker" in " ".join(c.cmdline())]
    assert children == []


def worker_process():
    """The one echo worker among our children."""
    (found,) = [
        child
        for child in psutil.Process().children()
        if child.is_running() and "tests.services.echo_worker" in child.cmdline()
    ]
    return found


def test_a_job_goes_out_and_its_pictures_come_back(make_pool):
    pool, ear = make_pool()
    kinds, (worker, ready, _) = ear.until(WorkerReady)
    assert kinds == [WorkerStarting, WorkerReady]
    assert ready.device == "echo"
    assert pool.send(worker, RunJob("j", a_request(batch_size=2), FILES, (0, 1)))
    kinds, (_, finished, _) = ear.until(JobFinished)
    assert kinds.count(PictureDone) == 2
    assert kinds.count(StepDone) == 3
    assert finished.outcome == "done"


def test_killed_worker_is_noticed_and_replaced(make_pool):
    pool, ear = make_pool()
    _, (first, _, _) = ear.until(WorkerReady)
    pool.send(first, RunJob("j", a_request("wait"), FILES, (0,)))
    ear.until(StepDone)
    killed = time.monotonic()
    worker_process().kill()
    _, (worker, died, at) = ear.until(WorkerDied)
    assert at - killed < 30
    assert (worker, died.exit_code, died.restarting) == (first, -signal.SIGKILL, True)
    _, (second, _, _) = ear.until(WorkerReady)
    assert (second.slot, second.launch) == (0, 2)
    assert not pool.send(first, CancelJob("j"))  # never reaches the successor
    assert pool.send(second, CancelJob("j"))


def test_a_worker_that_never_gets_ready_is_given_up_with_its_last_words(make_pool, monkeypatch):
    monkeypatch.setenv("ECHO_REFUSES", "1")
    _, ear = make_pool()
    deaths = []
    while not deaths or deaths[-1].restarting:
        deaths.append(ear.until(WorkerDied)[1][1])
    assert len(deaths) == 5
    assert [died.message for died in deaths[:-1]] == [None] * 4
    message = deaths[-1].message
    assert message.key == "error.worker_failed"
    assert message.values["attempts"] == 5
    assert message.values["tail"] == "no device of the wanted kind"


def test_a_worker_that_was_given_up_is_tried_again_later(make_pool, monkeypatch):
    monkeypatch.setenv("ECHO_REFUSES", "1")
    _, ear = make_pool(given_up_pause=0.2)
    while ear.until(WorkerDied)[1][1].restarting:
        pass
    monkeypatch.delenv("ECHO_REFUSES")
    ear.until(WorkerReady)


def test_a_command_that_does_not_exist(make_pool, tmp_path):
    _, ear = make_pool(command=[str(tmp_path / "nothing")])
    deaths = [ear.until(WorkerDied)[1][1] for _ in range(5)]
    assert "No such file" in deaths[-1].message.values["tail"]


def test_restarts_wait_longer_and_longer(make_pool, monkeypatch):
    monkeypatch.setenv("ECHO_REFUSES", "1")
    _, ear = make_pool(back_off=(0.0, 0.2, 0.6))
    died, waits = None, []
    for _ in range(4):
        started = ear.until(WorkerStarting)[1][2]
        waits.append(started - died if died else 0.0)
        died = ear.until(WorkerDied)[1][2]
    assert waits[2] >= 0.2
    assert waits[3] >= 0.6


def test_close_while_the_worker_still_starts(tmp_path):
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    pool, ear = LocalPool(tmp_path, LocalPoolOptions(command=sleeper)), Ear()
    pool.start(ear)
    ear.until(WorkerStarting)
    pool.close()
    assert not ear.until(WorkerDied)[1][1].restarting
    assert ear.heard.empty()


def test_close_in_mid_job_ends_the_worker(make_pool):
    pool, ear = make_pool()
    _, (worker, _, _) = ear.until(WorkerReady)
    process = worker_process()
    pool.send(worker, RunJob("j", a_request("slow", steps=5), FILES, (0,)))
    ear.until(StepDone)
    pool.close()
    assert not process.is_running()
    assert not pool.send(worker, CancelJob("j"))


def test_several_workers_get_a_device_each(make_pool, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,3")
    _, ear = make_pool(size=2)
    slots = {ear.until(WorkerReady)[1][0].slot for _ in range(2)}
    assert slots == {0, 1}
    children = psutil.Process().children()
    devices = {c.environ()["CUDA_VISIBLE_DEVICES"] for c in children if "echo" in str(c.cmdline())}
    assert devices == {"5", "3"}


def test_a_single_worker_sees_all_devices(make_pool, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,3")
    _, ear = make_pool()
    ear.until(WorkerReady)
    assert worker_process().environ()["CUDA_VISIBLE_DEVICES"] == "5,3"


def test_a_long_log_is_moved_aside(make_pool, tmp_path):
    log = tmp_path / "logs/worker-0.log"
    log.parent.mkdir()
    log.write_bytes(b"x" * (LOG_BYTES + 1))
    _, ear = make_pool()
    ear.until(WorkerReady)
    assert log.stat().st_size == 0
    assert (tmp_path / "logs/worker-0.1.log").stat().st_size == LOG_BYTES + 1


SERVER = """
import sys, time
from pathlib import Path
from tests.services.conftest import ECHO_COMMAND
from tests.services.test_local_pool import Ear
from webui.core.events import WorkerReady
from webui.services.workers.local import LocalPool, LocalPoolOptions
pool, ear = LocalPool(Path(sys.argv[1]), LocalPoolOptions(command=ECHO_COMMAND)), Ear()
pool.start(ear)
ear.until(WorkerReady)
print("ready", flush=True)
time.sleep(600)
"""


def test_workers_die_with_a_killed_server(tmp_path, repository):
    command = [sys.executable, "-c", SERVER, str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=repository)
    try:
        assert server.stdout.readline() == b"ready\n"
        (worker,) = psutil.Process(server.pid).children()
    finally:
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        server.stdout.close()
    wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
