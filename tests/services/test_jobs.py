from __future__ import annotations

import asyncio
import io
import json

import pytest
from PIL import Image

from tests.services.conftest import a_request, wait_until
from tests.services.echo_worker import colour
from webui.core.errors import InvalidRequest, NotFound
from webui.core.infotext import parse


def collect(server, owner, action):
    """What a browser of `owner` hears until the job that `action` submits is over."""

    async def listen():
        events = []
        async with server.hub.subscribe(owner) as subscription:
            job = action()
            async for event in subscription:
                events.append(event)
                view = event.payload if event.kind == "job" else {}
                if view.get("id") == job.id and view["state"] not in ("queued", "running"):
                    return job, events

    return asyncio.run(asyncio.wait_for(listen(), 60))


def test_a_job_becomes_pictures(server):
    request = a_request("a cat 猫", seed=7, batch_size=2, batch_count=2)
    job = server.finish(server.jobs.submit("ann", request))
    assert (job.state, job.error, job.request) == ("done", None, request)
    assert job.created <= job.started <= job.finished
    pictures = server.images.of_job(job.id)
    assert [(p.index, p.seed) for p in pictures] == [(0, 7), (1, 8), (2, 9), (3, 10)]
    for picture in pictures:
        assert colour(picture.seed) in _pixels(server.images.content(picture))
        values = parse(picture.infotext).values()
        assert (values["prompt"], values["seed"]) == ("a cat 猫", picture.seed)
        assert "Model hash: 0123456789" in picture.infotext


def _pixels(png):
    with Image.open(io.BytesIO(png)) as image:
        single = json.loads(image.text["inkstone"])
        assert (single["batch_size"], single["batch_count"]) == (1, 1)
        return image.tobytes()


def test_a_variation_keeps_its_own_seeds(server):
    request = a_request(batch_count=2, seed=4, variation_seed=70, variation_strength=0.5)
    _, events = collect(server, "ann", lambda: server.jobs.submit("ann", request))
    second = [e.payload for e in events if e.kind == "picture"][1]
    assert (second["settings"]["seed"], second["settings"]["variation_seed"]) == (4, 71)
    assert "Seed: 4," in second["infotext"]
    assert "Variation seed: 71," in second["infotext"]


def test_what_a_browser_hears(server):
    job, events = collect(
        server, "ann", lambda: server.jobs.submit("ann", a_request("slow", batch_count=2))
    )
    states = [e.payload["state"] for e in events if e.kind == "job" and e.payload["id"] == job.id]
    assert [s for n, s in enumerate(states) if s != (states[n - 1] if n else None)] == [
        "queued",
        "running",
        "done",
    ]
    pictures = [e.payload for e in events if e.kind == "picture"]
    assert [picture["index"] for picture in pictures] == [0, 1]
    assert pictures[1]["settings"]["seed"] == pictures[1]["seed"] == 1
    assert pictures[1]["settings"]["batch_count"] == 1
    assert pictures[0]["url"] == f"/pictures/{pictures[0]['id']}.png"
    steps = [e.payload for e in events if e.kind == "step"]
    assert [step["progress"] for step in steps] == sorted(step["progress"] for step in steps)
    previews = [step["preview"] for step in steps if step["preview"]]
    assert previews
    assert all(preview.startswith("data:image/jpeg;base64,/9hw") for preview in previews)
    last = [e.payload for e in events if e.kind == "job"][-1]
    assert (last["progress"], last["pictures_done"], last["pictures_total"]) == (1.0, 2, 2)
    assert any(e.kind == "queue" and e.payload["running"] == 1 for e in events)
    assert {e.payload["state"] for e in events if e.kind == "worker"} >= {"busy"}
    json.dumps([dict(event.payload) for event in events])


def test_others_see_that_there_is_a_job_and_nothing_of_it(server):
    _, events = collect(server, "ben", lambda: server.jobs.submit("ann", a_request("secret")))
    assert "secret" not in json.dumps([dict(event.payload) for event in events])
    assert "data:image" not in json.dumps([dict(event.payload) for event in events])
    assert {event.kind for event in events} >= {"job", "step", "queue"}
    assert all(not e.payload["mine"] for e in events if e.kind == "job")


def test_jobs_belong_to_their_owner(server):
    job = server.jobs.submit("ann", a_request("wait", steps=100))
    for act in (server.jobs.get, server.jobs.cancel, server.jobs.skip, server.jobs.rerun):
        with pytest.raises(NotFound, match="job_not_found"):
            act("ben", job.id)
        with pytest.raises(NotFound, match="job_not_found"):
            act("ann", "nothing")
    assert server.state(job).active
    server.jobs.cancel("root", job.id, admin=True)
    assert server.finish(job).state == "cancelled"


def test_rerun_makes_the_same_request_a_new_job(server):
    first = server.finish(server.jobs.submit("ann", a_request(seed=5)))
    second = server.finish(server.jobs.rerun("ann", first.id))
    assert second.id != first.id
    assert second.request == first.request
    assert len(server.images.of_job(second.id)) == 1


def test_same_idempotency_key_same_job(server):
    first = server.jobs.submit("ann", a_request(seed=1), idempotency_key="k")
    assert server.jobs.submit("ann", a_request(seed=1), idempotency_key="k").id == first.id
    assert server.jobs.submit("ben", a_request(seed=1), idempotency_key="k").id != first.id
    assert server.jobs.submit("ann", a_request(seed=1)).id != first.id


def test_an_owner_cannot_fill_the_queue(server):
    running = server.jobs.submit("ann", a_request("wait", steps=150))
    wait_until(lambda: server.state(running).state == "running")
    for _ in range(20):
        server.jobs.submit("ann", a_request("wait"))
    with pytest.raises(InvalidRequest) as refused:
        server.jobs.submit("ann", a_request())
    assert refused.value.problems[0].key == "error.queue_full"
    assert refused.value.problems[0].values == {"high": 20}
    assert server.jobs.submit("ben", a_request()).state == "queued"


def test_lists_and_snapshot(server):
    done = server.finish(server.jobs.submit("ann", a_request("first")))
    running = server.jobs.submit("ann", a_request("wait", steps=150))
    wait_until(lambda: server.jobs.view(server.state(running), "ann")["step"] > 2)
    second, third = (server.jobs.submit("ann", a_request(f"n{n}")) for n in (2, 3))
    other = server.jobs.submit("ben", a_request("secret"))
    mine = server.jobs.list("ann")
    assert [job.id for job in mine] == [running.id, second.id, third.id, done.id]
    everybody = server.jobs.views(server.jobs.list("ann", "all"), "ann")
    assert [view["id"] for view in everybody] == [running.id, other.id, second.id, third.id]
    assert [view["position"] for view in everybody] == [None, 1, 2, 3]
    assert [view["prompt"] for view in everybody] == ["wait", None, "n2", "n3"]
    assert everybody[1]["request"] is None

    snapshot = server.jobs.snapshot("ann")
    json.dumps(snapshot)
    assert [view["id"] for view in snapshot["jobs"]] == [v["id"] for v in everybody]
    assert snapshot["queue"] == {"queued": 3, "running": 1, "owners": 2}
    assert snapshot["worker"]["state"] == "busy"
    assert snapshot["worker"]["device"] == "echo"
    (step,) = snapshot["steps"]
    assert step["job_id"] == running.id
    assert step["preview"].startswith("data:image/jpeg")
    assert snapshot["pictures"] == []  # of the running job, none yet
    assert server.jobs.snapshot("ben")["steps"] == []
    server.jobs.cancel("ann", running.id)
    server.finish(third)
    after = server.jobs.snapshot("ann")
    assert [picture["job_id"] for picture in after["pictures"]] == [third.id]


def test_owners_take_turns(server):
    blocker = server.jobs.submit("zoe", a_request("wait", steps=150))
    wait_until(lambda: server.state(blocker).state == "running")
    jobs = [server.jobs.submit(owner, a_request()) for owner in ("ann", "ann", "ann", "ben")]
    server.jobs.cancel("zoe", blocker.id)
    ended = [server.finish(job) for job in jobs]
    started = sorted(ended, key=lambda job: job.started)
    assert [job.owner for job in started] == ["ann", "ben", "ann", "ann"]


def test_a_picture_that_the_disk_refuses_still_reaches_the_browser(server, tmp_path):
    (tmp_path / "data/outputs").write_text("in the way")
    job, events = collect(server, "ann", lambda: server.jobs.submit("ann", a_request()))
    assert server.state(job).state == "done"
    (picture,) = [event.payload for event in events if event.kind == "picture"]
    assert picture["unsaved"]["key"] == "error.not_a_folder"
    assert server.images.content(server.images.get("ann", picture["id"]))
    assert server.jobs.snapshot("ann")["pictures"] == [picture]
