"""The browser's own API against a real server with the starter model."""

from __future__ import annotations

import io
import json
import urllib.request

from PIL import Image

from tests.running_server import PATIENCE, wait_for
from webui.core import infotext


def events_until(server, kind, patience=PATIENCE):
    """(kind, data) pairs of the stream up to the first of this kind."""
    found, name = [], ""
    with urllib.request.urlopen(server.url + "/api/events", timeout=patience) as stream:
        for raw in stream:
            line = raw.decode().rstrip("\n")
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                found.append((name, json.loads(line[6:])))
                if name == kind:
                    return found
    return found


def test_a_picture_from_a_prompt(server):
    job = server.submit(prompt="a red apple", seed=42, cfg_scale=5)
    assert server.finished(job["id"])["state"] == "done"
    # /api/pictures, newest first
    page = server.ask("/api/pictures?size=1").json
    picture = page["items"][0]
    assert picture["job_id"] == job["id"]
    file = server.ask(picture["url"])
    assert file.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(file.body)) as image:
        image.load()
        assert image.size == (128, 128)
        assert infotext.parse(image.info["parameters"]).values()["seed"] == 42
        assert json.loads(image.info["inkstone"])["prompt"] == "a red apple"
    thumb = server.ask(f"/pictures/{picture['id']}/thumb.webp")
    with Image.open(io.BytesIO(thumb.body)) as image:
        assert image.format == "WEBP"
    saved = server.ask(picture["url"] + "?download=1")
    assert saved.headers["content-disposition"].startswith("attachment")
    assert server.ask(f"/api/pictures/{picture['id']}").json["seed"] == 42


def test_run_again_gives_the_same_picture(server):
    first = server.submit(prompt="a cat", seed=7)
    server.finished(first["id"])
    second = server.ask(f"/api/jobs/{first['id']}/rerun", {}).json
    server.finished(second["id"])
    one, two = (
        next(p for p in server.ask("/api/pictures").json["items"] if p["job_id"] == job["id"])
        for job in (first, second)
    )
    pixels = [Image.open(io.BytesIO(server.ask(p["url"]).body)).tobytes() for p in (one, two)]
    assert pixels[0] == pixels[1]


def test_bad_input_is_named_in_the_callers_language_and_not_queued(server):
    before = len(server.ask("/api/jobs?scope=mine").json["jobs"])
    answer = server.ask("/api/jobs", {"width": 100, "steps": 0}, accept_language="zh-CN,zh;q=0.9")
    assert answer.status == 422
    texts = {p["field"]: p["text"] for p in answer.json["problems"]}
    assert texts.keys() == {"width", "steps"}
    assert "倍数" in texts["width"]
    assert len(server.ask("/api/jobs?scope=mine").json["jobs"]) == before


def test_a_body_that_is_no_object_is_refused(server):
    assert server.ask("/api/jobs", [1, 2]).status == 422
    assert server.ask("/api/jobs", None, method="POST").status == 422


def test_the_same_idempotency_key_makes_one_job(server):
    values = {"prompt": "a rocket", "steps": 2, "width": 128, "height": 128}
    jobs = [server.ask("/api/jobs", values, idempotency_key="click-1").json["id"] for _ in range(3)]
    assert len(set(jobs)) == 1


def test_cancel_and_skip(server):
    job = server.submit(prompt="a bus", steps=150, batch_count=50)
    wait_for(lambda: server.job(job["id"])["step"] > 1)
    assert server.ask(f"/api/jobs/{job['id']}/skip", {}).status == 200
    wait_for(lambda: server.job(job["id"])["step"] > 1)
    assert server.ask(f"/api/jobs/{job['id']}/cancel", {}).status == 200
    assert server.finished(job["id"])["state"] == "cancelled"
    waiting = server.submit(prompt="a fox")
    server.finished(waiting["id"])


def test_unknown_jobs_and_pictures_are_404(server):
    for path in ("/api/jobs/none", "/api/pictures/none", "/pictures/none.png"):
        assert server.ask(path).status == 404
    assert server.ask("/pictures/..%2f..%2fetc%2fpasswd.png").status == 404
    assert server.ask("/pictures/none/thumb.webp").status == 404


def test_events_begin_with_a_snapshot_and_tell_of_the_picture(server):
    snapshot = events_until(server, "snapshot")[0][1]
    assert {"jobs", "pictures", "worker", "queue"} <= snapshot.keys()
    server.submit(prompt="an owl", steps=20)
    kinds = [kind for kind, _ in events_until(server, "picture")]
    assert kinds[0] == "snapshot"
    assert "step" in kinds


def test_session_messages_language_and_tokens(server):
    session = server.ask("/api/session").json
    assert session["owner"] == "local"
    assert {row["code"] for row in session["languages"]} >= {"en", "zh-CN"}
    assert server.ask("/api/messages/zh-CN").json["param.prompt"] == "提示词"
    assert server.ask("/api/messages/tlh").status == 404
    chosen = server.ask("/api/language", {"lang": "zh"})
    assert chosen.json == {"lang": "zh-CN"}
    assert "inkstone_lang=zh-CN" in chosen.headers["set-cookie"]
    assert server.ask("/api/tokens", {"text": "a (red:1.2) apple"}).json == {
        "used": 3, "limit": 75,
    }  # fmt: skip
    assert server.ask("/api/tokens", {"text": "cat " * 80}).json["limit"] == 150
    parts = {"text": "a red apple AND a cat"}
    assert server.ask("/api/tokens", parts).json["used"] == 3
    assert server.ask("/api/tokens", {**parts, "negative": True}).json["used"] == 6


def test_a_batch_beyond_memory_is_refused_before_it_is_queued(tmp_path, starter_models):
    from webui.core.errors import InvalidRequest
    from webui.core.request import GenerationRequest
    from webui.services.admission import check_fits
    from webui.services.models import ModelLibrary

    entry = ModelLibrary(starter_models).entry("starter")
    wanted = GenerationRequest(width=1024, height=1024, batch_size=8, checkpoint="starter")
    check_fits(wanted, entry, 10**12)
    check_fits(wanted, entry, None)
    try:
        check_fits(wanted, entry, 500 * 10**6)
    except InvalidRequest as error:
        problem = error.message
    assert problem.field == "batch_size"
    smaller = wanted.model_copy(update={"batch_size": problem.values["fits"]})
    check_fits(smaller, entry, 500 * 10**6)


def test_a_model_that_cannot_be_read_is_named_and_the_one_before_stays(tmp_path, starter_models):
    import shutil

    from tests.running_server import running

    models = tmp_path / "models"
    shutil.copytree(starter_models / "starter", models / "starter")
    broken = models / "checkpoints" / "broken"
    shutil.copytree(starter_models / "starter", broken)
    config = broken / "unet" / "config.json"
    config.write_text("{")
    cut = models / "checkpoints" / "cut"
    shutil.copytree(starter_models / "starter", cut)
    weights = cut / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5_000_000])
    with running(tmp_path / "data", models_dir=models) as server:
        server.ready()
        good = server.submit(prompt="a cat", checkpoint="starter")
        assert server.finished(good["id"])["state"] == "done"
        job = server.submit(prompt="a cat", checkpoint="broken")
        assert server.finished(job["id"])["state"] == "failed"
        told = server.ask(f"/api/jobs/{job['id']}", accept_language="zh-CN").json["error"]
        assert str(config) in told["text"]
        assert "损坏" in told["text"]
        refused = server.ask("/api/jobs", {"prompt": "a cat", "checkpoint": "cut"})
        assert refused.status == 422
        assert str(weights) in refused.json["detail"]
        assert server.ask("/api/session").json["worker"]["checkpoint"] == "starter"
        again = server.submit(prompt="a cat", checkpoint="starter")
        assert server.finished(again["id"])["state"] == "done"
