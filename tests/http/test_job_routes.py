"""/api/jobs beyond submitting: the order of the line, one job's stream, its pictures."""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.running_server import PATIENCE, wait_for


def stream(server, path, **headers):
    """(id, kind, data) of a stream, to its end."""
    request = urllib.request.Request(server.url + path)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    number, kind = None, ""
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        for raw in answer:
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            if name == "id":
                number = int(value)
            elif name == "event":
                kind = value
            elif name == "data":
                yield number, kind, json.loads(value)
                number = None


def test_one_job_is_watched_to_its_end_and_taken_up_again(server):
    job = server.submit(prompt="a hat", steps=3, batch_count=2)
    path = f"/api/jobs/{job['id']}/events"
    events = list(stream(server, path))
    kinds = [kind for _, kind, _ in events]
    assert (kinds[0], kinds[-1]) == ("snapshot", "end")
    assert events[-1][2]["state"] == "done"
    assert all(data.get("job_id", job["id"]) == job["id"] for _, _, data in events)
    seen = len(events[0][2]["pictures"]) + kinds.count("picture")
    assert seen == 2
    pictures = server.ask(f"/api/jobs/{job['id']}/pictures").json["pictures"]
    assert [row["index"] for row in pictures] == [0, 1]
    assert server.ask(pictures[0]["url"]).status == 200
    over = list(stream(server, path, last_event_id=str(events[-1][0])))
    assert [kind for _, kind, _ in over] == ["snapshot", "end"]
    assert len(over[0][2]["pictures"]) == 2


def test_what_was_missed_comes_after_the_last_event_that_was_seen(server):
    job = server.submit(prompt="a boat", steps=30, batch_count=3)
    path = f"/api/jobs/{job['id']}/events"
    first = stream(server, path)
    last = next(number for number, kind, _ in first if kind == "picture")
    first.close()
    events = list(stream(server, path, last_event_id=str(last)))
    kinds = [kind for _, kind, _ in events]
    if kinds[0] != "snapshot":  # it had not ended in between
        assert kinds.count("picture") == 2
    assert all(number > last for number, _, _ in events if number)
    assert kinds[-1] == "end"


def test_waiting_jobs_change_places(server):
    busy = server.submit(prompt="first", steps=150, batch_count=50)
    wait_for(lambda: server.job(busy["id"])["state"] == "running")
    one, two, three = (server.submit(prompt=name)["id"] for name in ("one", "two", "three"))
    moved = server.ask(f"/api/jobs/{three}/move", {"before": one})
    assert (moved.status, moved.json["position"]) == (200, 1)
    assert server.ask(f"/api/jobs/{one}/move", {}).json["position"] == 3
    order = [job["id"] for job in server.ask("/api/jobs").json["jobs"] if job["state"] == "queued"]
    assert order == [three, two, one]
    assert server.ask(f"/api/jobs/{busy['id']}/move", {}).status == 404
    assert server.ask(f"/api/jobs/{one}/move", {"before": "none"}).status == 404
    for job in (one, two, three, busy["id"]):
        server.ask(f"/api/jobs/{job}/cancel", {})
        server.finished(job)


@pytest.mark.parametrize("path", ["/api/jobs/none/events", "/api/jobs/none/pictures"])
def test_unknown_jobs_are_404(server, path):
    assert server.ask(path).status == 404


def test_the_api_is_described_on_a_page_without_scripts(server):
    page = server.ask("/api/docs", accept="text/html")
    assert "script" not in page.headers["content-security-policy"]
    text = page.body.decode()
    assert "/api/jobs/{job_id}/move" in text
    assert "<script" not in text
    document = server.ask("/api/openapi.json").json
    assert "/sdapi/v1/txt2img" in document["paths"]
