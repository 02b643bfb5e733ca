"""With accounts: Basic credentials, everybody's own, and the settings of the server."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from PIL import Image

from tests.http.sdapi.conftest import SMALL, Client, base64_of
from tests.running_server import PATIENCE, running, wait_for
from tests.web_server import serving

ADMIN, BOB = "ann:s3cret", "bob:pa55word"
OPTIONS = ("--compatible", "--api-image-urls", "--api-server-stop")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    accounts = ("--auth", ADMIN, "--auth", BOB)
    with running(tmp_path_factory.mktemp("shared") / "data", *accounts, *OPTIONS) as server:
        yield Client(server.ready(ADMIN), ADMIN)


@pytest.fixture(scope="module")
def bob(shared):
    return Client(shared.server, BOB)


def test_strangers_get_nothing(shared):
    for path in ("/sdapi/v1/options", "/sdapi/v1/cmd-flags", "/internal/ping"):
        answer = shared.server.ask(path)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert shared.server.ask("/sdapi/v1/txt2img", SMALL, auth="ann:guess").status == 401


def test_pages_of_other_sites_cannot_draw(shared):
    answer = shared.server.ask("/sdapi/v1/txt2img", SMALL, auth=ADMIN, origin="http://evil.example")
    assert answer.status == 403


def test_settings_and_pictures_are_their_owners(shared, bob):
    shared.post("/sdapi/v1/options", {"CLIP_stop_at_last_layers": 2})
    assert bob.get("/sdapi/v1/options")["CLIP_stop_at_last_layers"] == 1
    drawn = shared.draw(save_images=True, force_task_id="task(ann)")
    assert drawn.info["clip_skip"] == 2
    assert bob.history()["total"] == 0
    seen = {who: shared.server.ask("/internal/progress", {"id_task": "task(ann)"}, auth=who).json
            for who in (ADMIN, BOB)}  # fmt: skip
    assert (seen[ADMIN]["completed"], seen[BOB]["completed"]) == (True, False)


def test_secrets_are_not_told(shared):
    text = shared.server.ask("/sdapi/v1/cmd-flags", auth=ADMIN).body.decode()
    text += shared.server.ask("/sdapi/v1/options", auth=ADMIN).body.decode()
    assert "s3cret" not in text
    assert "pa55word" not in text


def test_the_old_way_draws_with_what_there_is(bob):
    drawn = bob.draw(
        sampler_name="Sampler of 2031", scheduler="x", styles=["gone"], restore_faces=True, width=71
    )
    assert drawn.info["sampler_name"] == "DPM++ 2M"
    assert drawn.pictures[0].size == (64, 64)


def test_addresses_are_fetched_only_from_the_open_internet(bob):
    with serving() as remote:
        remote.files["/a.png"] = b"secret"
        port = remote.url.rpartition(":")[2]
        inside = ("localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]")
        secure = [f"https://{host}:{port}/a.png" for host in inside]
        for url in (f"{remote.url}/a.png", "http://169.254.169.254/", *secure):
            answer = bob.post("/sdapi/v1/img2img", {"init_images": [url]})
            assert answer.status == 422
            assert answer.json["problems"][0]["field"] == "init_images"
        assert remote.asked == []


def test_only_an_administrator_acts_for_all(bob):
    for path in ("unload-checkpoint", "reload-checkpoint", "server-stop", "server-restart"):
        assert bob.post(f"/sdapi/v1/{path}").status == 403


def test_bobs_start_picture_is_not_anns(shared, bob):
    image = Image.effect_noise((64, 64), 80).convert("RGB")
    bob.draw("img2img", init_images=[base64_of(image)], save_images=True)
    request = bob.server.ask("/api/jobs", auth=BOB).json["jobs"][0]["request"]
    values = {"init_image": request["init_image"], "prompt": "x"}
    assert shared.server.ask("/api/jobs", values, auth=ADMIN).status == 422


def test_an_administrator_stops_the_server_and_who_waits_is_told(shared, bob):
    assert shared.post("/sdapi/v1/server-restart").status == 501
    answers = []
    body = {**SMALL, "steps": 100, "n_iter": 100}
    waiting = threading.Thread(target=lambda: answers.append(bob.post("/sdapi/v1/txt2img", body)))
    waiting.start()
    wait_for(lambda: bob.get("/sdapi/v1/progress")["state"]["sampling_step"])
    assert shared.post("/sdapi/v1/server-stop").json == {}
    waiting.join(PATIENCE)
    [answer] = answers
    assert (answer.status, answer.json["error"]) == (503, "Stopping")
    assert answer.json["problems"][0]["key"] == "error.api_stopping"
    assert shared.server.process.wait(PATIENCE) == 0
