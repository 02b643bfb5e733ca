"""Whatever is killed, no finished picture is lost and none is made twice."""

from __future__ import annotations

import os
import signal

from tests.running_server import RunningServer, running, wait_for


def pictures(server, job_id):
    items = server.ask("/api/pictures?size=100").json["items"]
    return {p["index"]: p for p in items if p["job_id"] == job_id}


def test_worker_and_server_are_killed_in_mid_batch(tmp_path):
    data = tmp_path / "data"
    first = RunningServer(data).ready()
    job = first.submit(prompt="a red apple", batch_count=10, steps=20, seed=100)["id"]
    wait_for(lambda: first.job(job)["pictures_done"] >= 2)
    for pid in first.worker_pids():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: first.job(job)["pictures_done"] >= 4)
    workers = first.worker_pids()
    first.kill()
    files = {path: path.read_bytes() for path in data.glob("outputs/**/*.png")}
    assert len(files) >= 4
    wait_for(lambda: not any(_alive(pid) for pid in workers))

    with running(data) as second:
        second.ready()
        wait_for(lambda: second.job(job)["state"] == "done")
        found = pictures(second, job)
        assert sorted(found) == list(range(10))
        assert [found[index]["seed"] for index in range(10)] == list(range(100, 110))
        now = {path: path.read_bytes() for path in data.glob("outputs/**/*.png")}
        assert len(now) == 10, "a picture was made twice or lost"
        assert {path: now[path] for path in files} == files, "a finished picture was touched"
        assert not list(data.glob("outputs/**/*.tmp*"))
        reference = second.submit(prompt="a red apple", batch_count=1, steps=20, seed=109)["id"]
        second.finished(reference)
        again = pictures(second, reference)[0]
        assert _pixels(second, again) == _pixels(second, found[9])


def test_the_server_ends_cleanly_in_mid_job_and_goes_on_later(tmp_path):
    data = tmp_path / "data"
    with running(data) as first:
        first.ready()
        job = first.submit(prompt="a cat", batch_count=6, steps=30)["id"]
        wait_for(lambda: first.job(job)["pictures_done"] >= 1)
        assert first.stop() == 0
        assert "Traceback" not in first.console()
    with running(data) as second:
        second.ready()
        assert second.finished(job)["state"] == "done"
        assert len(pictures(second, job)) == 6


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A killed process that nobody has waited for yet is a zombie, not a survivor.
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"


def _pixels(server, picture):
    import io

    from PIL import Image

    return Image.open(io.BytesIO(server.ask(picture["url"]).body)).tobytes()
