"""How jobs end: cancelled, skipped, failed, put back, and always once."""

from __future__ import annotations

import json

from sqlalchemy import update

from tests.services.conftest import AnyModel, a_request, wait_until
from webui.services.job_table import JobTable
from webui.services.tables import jobs


def test_failing_jobs_say_why_and_the_next_one_works(server):
    for request, key in [
        (a_request("fail"), "error.job_failed"),
        (a_request(checkpoint="gone"), "error.model_gone"),
        (a_request("garbage"), "error.internal"),
    ]:
        job = server.finish(server.jobs.submit("ann", request))
        assert (job.state, job.error.key) == ("failed", key)
        assert server.jobs.view(job, "ann")["error"]["key"] == key
    assert server.finish(server.jobs.submit("ann", a_request())).state == "done"


def test_waiting_job_is_cancelled_at_once(server):
    running = server.jobs.submit("ann", a_request("wait", steps=100))
    waiting = server.jobs.submit("ann", a_request())
    assert server.jobs.cancel("ann", waiting.id).state == "cancelled"
    server.jobs.cancel("ann", running.id)
    assert server.finish(running).state == "cancelled"
    assert server.images.of_job(waiting.id) == []


def test_running_job_stops_within_a_step_and_keeps_its_pictures(server):
    job = server.jobs.submit("ann", a_request("slow", batch_count=50))
    wait_until(lambda: server.images.of_job(job.id))
    server.jobs.cancel("ann", job.id)
    assert server.finish(job).state == "cancelled"
    made = len(server.images.of_job(job.id))
    assert 1 <= made < 50
    assert server.jobs.view(server.state(job), "ann")["pictures_done"] == made
    server.jobs.cancel("ann", job.id)  # once more does no harm
    assert server.state(job).state == "cancelled"


def test_cancelling_right_after_submitting_is_never_lost(server):
    for _ in range(30):
        job = server.jobs.submit("ann", a_request("wait", steps=150))
        server.jobs.cancel("ann", job.id)
        assert server.finish(job).state == "cancelled"


class CancelsWhileStarting(AnyModel):
    """Looks up the files between the claim of a job and its start: the worst moment to cancel."""

    cancel = staticmethod(lambda: None)

    def files(self, checkpoint, vae, field="checkpoint"):
        self.cancel()
        return super().files(checkpoint, vae)


def test_cancelling_between_claim_and_start(tmp_path, run_server):
    library = CancelsWhileStarting()
    with run_server(tmp_path, library) as server:
        ids = []
        library.cancel = lambda: [server.jobs.cancel("ann", job_id) for job_id in ids]
        blocker = server.jobs.submit("ann", a_request("wait", steps=150))
        wait_until(lambda: server.state(blocker).state == "running")
        job = server.jobs.submit("ann", a_request("wait", steps=150))
        ids.append(job.id)
        server.jobs.cancel("ann", blocker.id)
        ended = server.finish(job)
        assert (ended.state, ended.started is None) == ("cancelled", False)


def test_skip_goes_on_with_the_next_picture(server):
    job = server.jobs.submit("ann", a_request("slow", steps=20, batch_count=3))
    wait_until(lambda: server.jobs.view(server.state(job), "ann")["step"] > 1)
    server.jobs.skip("ann", job.id)
    assert server.finish(job).state == "done"
    states = {picture.index: picture.state for picture in server.images.of_job(job.id)}
    assert states == {0: "skipped", 1: "saved", 2: "saved"}
    assert server.images.page("ann", 1, 10)[1] == 2


def test_close_puts_the_running_job_back(tmp_path, run_server):
    with run_server(tmp_path) as first:
        job = first.jobs.submit("ann", a_request("slow", batch_count=10))
        wait_until(lambda: len(first.images.of_job(job.id)) >= 2)
    with run_server(tmp_path) as second:
        before = second.images.of_job(job.id)
        assert second.finish(job).state == "done"
        assert second.state(job).crashes == 0
        after = second.images.of_job(job.id)
    assert len(before) >= 2
    assert len(after) == 10
    assert [p for p in after if p in before] == before


def test_cancel_is_remembered_over_a_kill(tmp_path, run_server, store):
    table = JobTable(store)
    job = table.add("ann", a_request(), None, 10)
    table.claim()
    table.request_cancel(job.id)
    store.close()
    with run_server(tmp_path / "data") as server:
        assert server.state(job).state == "cancelled"


def test_a_job_ends_once(store):
    table = JobTable(store)
    job = table.add("ann", a_request(), None, 10)
    assert not table.leave_running(job.id, "done")  # it does not run
    table.claim()
    assert table.leave_running(job.id, "done")
    assert not table.leave_running(job.id, "queued")
    table.request_cancel(job.id)
    assert table.get(job.id).state == "done"
    assert table.claim() is None


def test_an_end_that_the_disk_refuses_is_shown_and_stored_later(server):
    with server.store.write() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE UPDATE ON jobs WHEN NEW.state = 'done'"
            " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    job = server.finish(server.jobs.submit("ann", a_request()))
    assert job.state == "done"
    assert server.jobs._jobs.get(job.id).state == "running"
    assert server.jobs.snapshot("ann")["jobs"] == []
    with server.store.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER full")
    second = server.finish(server.jobs.submit("ann", a_request()))
    assert second.state == "done"
    wait_until(lambda: server.jobs._jobs.get(job.id).state == "done")
    assert len(server.images.of_job(job.id)) == 1


def test_a_worker_that_cannot_start_is_told_and_jobs_wait(tmp_path, run_server, monkeypatch):
    monkeypatch.setenv("ECHO_REFUSES", "1")
    with run_server(tmp_path) as server:
        job = server.jobs.submit("ann", a_request())
        wait_until(lambda: server.jobs.worker_view()["state"] == "failed")
        assert server.jobs.worker_view()["message"]["key"] == "error.worker_failed"
        view = server.jobs.view(server.state(job), "ann")
        assert (view["state"], view["position"]) == ("queued", 1)


def test_a_stored_request_that_breaks_todays_rules_is_still_shown(server):
    job = server.finish(server.jobs.submit("ann", a_request()))
    with server.store.write() as connection:
        row = json.loads(job.request.model_dump_json())
        old = json.dumps({**row, "steps": 9999, "gone": 1})
        connection.execute(update(jobs).values(request=old))
    assert server.jobs.view(server.state(job), "ann")["request"]["steps"] == 9999
    assert server.jobs.snapshot("ann")["pictures"][0]["settings"]["steps"] == 9999
