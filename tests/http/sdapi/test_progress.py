"""How far it is, and how one ends it: by everybody for their own."""

from __future__ import annotations

import threading

import pytest
from PIL import Image

from tests.http.sdapi.conftest import SMALL, base64_of, picture
from tests.running_server import wait_for


@pytest.fixture
def long(client):
    """A long request in a thread of its own; `answer` is there when it is over."""

    class Long:
        answer = None

        def ask(self):
            body = {**SMALL, "steps": 100, "n_iter": 50, "force_task_id": "task(mine)"}
            self.answer = client.post("/sdapi/v1/txt2img", body)

    started = Long()
    thread = threading.Thread(target=started.ask)
    thread.start()
    yield started
    client.post("/sdapi/v1/interrupt")
    thread.join(60)


def test_a_long_request_from_its_beginning_to_its_end(client, long):
    def task(**more):
        return client.server.ask("/internal/progress", {"id_task": "task(mine)", **more}).json

    wait_for(lambda: task()["active"] and client.get("/sdapi/v1/progress")["state"]["job_no"] >= 1)
    seen = client.get("/sdapi/v1/progress")
    state = seen["state"]
    assert (state["job"], state["job_count"], state["sampling_steps"]) == ("task(mine)", 50, 100)
    assert len(state["job_timestamp"]) == 14
    assert seen["progress"] >= 0.01 + state["job_no"] / 50
    assert client.get("/sdapi/v1/progress?skip_current_image=true")["current_image"] is None
    wait_for(lambda: client.get("/sdapi/v1/progress")["current_image"])
    preview = picture(client.get("/sdapi/v1/progress")["current_image"])
    assert preview.format == "PNG"
    wait_for(lambda: task()["live_preview"])
    now = task()
    assert now["live_preview"].startswith("data:image/jpeg;base64,")
    assert now["progress"] > 0
    behind = client.server.ask("/api/jobs", {**SMALL, "sampler": "Euler"}).json
    assert client.server.ask("/internal/pending-tasks").json == {"size": 1, "tasks": [behind["id"]]}
    waiting = client.server.ask("/internal/progress", {"id_task": behind["id"]}).json
    assert (waiting["queued"], waiting["active"]) == (True, False)
    assert client.post("/sdapi/v1/skip").json is None
    made = client.get("/sdapi/v1/progress")["state"]["job_no"]
    assert client.post("/sdapi/v1/interrupt").json == {}
    wait_for(lambda: long.answer is not None)
    images = long.answer.json["images"]
    assert long.answer.status == 200
    assert 0 < len(images) < 50
    assert len(images) >= made - 1
    assert task() == {**task(), "active": False, "queued": False, "completed": True}
    assert client.server.finished(behind["id"])["state"] == "done"


def test_a_request_of_several_jobs_is_one_task(client):
    answers = []
    starts = [base64_of(Image.new("RGB", (64, 64), colour)) for colour in ("red", "blue")]
    body = {**SMALL, "init_images": starts, "batch_size": 2, "n_iter": 20, "steps": 60}
    body |= {"denoising_strength": 0.9, "force_task_id": "task(two)"}
    thread = threading.Thread(target=lambda: answers.append(client.post("/sdapi/v1/img2img", body)))
    thread.start()

    def task():
        return client.server.ask("/internal/progress", {"id_task": "task(two)"}).json

    wait_for(lambda: client.get("/sdapi/v1/progress")["state"]["job_no"] >= 2)
    seen = client.get("/sdapi/v1/progress")
    assert (seen["state"]["job"], seen["state"]["job_count"]) == ("task(two)", 40)
    assert seen["progress"] >= 0.01 + 2 / 40
    now = task()
    assert (now["active"], now["queued"]) == (True, False)
    assert now["progress"] >= 0.01 + 2 / 40
    assert client.server.ask("/internal/pending-tasks").json == {"size": 0, "tasks": []}
    client.post("/sdapi/v1/interrupt")
    thread.join(120)
    [answer] = answers
    assert answer.status == 200
    assert 2 <= len(answer.json["images"]) < 40
    assert task()["completed"]
    assert client.get("/sdapi/v1/progress")["progress"] == 0


def test_an_idle_server(client):
    seen = client.get("/sdapi/v1/progress")
    assert (seen["progress"], seen["current_image"], seen["state"]["job_count"]) == (0, None, 0)
    assert client.post("/sdapi/v1/interrupt").json == {}
    unknown = client.server.ask("/internal/progress", {"id_task": "task(nobody)"}).json
    assert not any(unknown[name] for name in ("active", "queued", "completed"))
    hints = client.server.ask("/internal/quicksettings-hint").json
    assert {"name": "sd_model_checkpoint", "label": "Checkpoint"} in hints
