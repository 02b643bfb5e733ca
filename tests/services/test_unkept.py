"""Pictures that are for one client alone: whole while it waits, and then gone."""

from __future__ import annotations

from tests.services.conftest import a_request


def files(server):
    folder = server.store.data_dir
    return {path.parent.name for path in folder.rglob("*.png")}


def test_they_are_made_like_all_others_and_never_enter_the_history(server):
    job = server.jobs.submit("ann", a_request(batch_count=3, seed=7), keep=False)
    assert server.finish(job).state == "done"
    pictures = server.images.of_job(job.id)
    assert [picture.seed for picture in pictures] == [7, 8, 9]
    assert all(server.images.content(picture) for picture in pictures)
    assert server.images.page("ann", 1, 10) == ([], 0)
    assert server.jobs.snapshot("ann")["pictures"] == []
    server.images.discard(job.id)
    assert server.images.of_job(job.id) == []
    assert files(server) == set()


def test_kept_ones_are_not_touched_by_it(server):
    job = server.jobs.submit("ann", a_request())
    server.finish(job)
    server.images.discard(job.id)
    assert server.images.page("ann", 1, 10)[1] == 1


def test_a_worker_that_dies_draws_only_what_is_missing(server):
    job = server.jobs.submit("ann", a_request(prompt="crash@2", batch_count=2), keep=False)
    assert server.finish(job).state == "set_aside"
    server.images.discard(job.id)
    again = server.jobs.submit("ann", a_request(prompt="red", batch_count=2), keep=False)
    assert server.finish(again).state == "done"


def test_nobody_waits_for_them_after_a_restart(tmp_path, run_server):
    with run_server(tmp_path / "data") as first:
        drawn = first.jobs.submit("ann", a_request(), keep=False)
        first.finish(drawn)
        running = first.jobs.submit("ann", a_request(prompt="wait"), keep=False)
        waiting = first.jobs.submit("ann", a_request(), keep=False)
        kept = first.jobs.submit("ann", a_request())
    with run_server(tmp_path / "data") as second:
        assert second.finish(kept).state == "done"
        assert [second.state(job).state for job in (running, waiting)] == ["cancelled"] * 2
        assert second.images.of_job(drawn.id) == []
        assert "unkept" not in files(second)
        assert second.images.page("ann", 1, 10)[1] == 1
