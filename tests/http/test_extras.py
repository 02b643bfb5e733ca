"""Finished pictures made larger by real models, through the queue and for existing clients."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import urllib.request

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.running_server import REPOSITORY, running, wait_for

INFOTEXT = (
    "a cat\nNegative prompt: a dog\nSteps: 5, Sampler: Euler, CFG scale: 5, Seed: 12, Size: 48x40"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server whose only models of its own are upscalers."""
    folder = tmp_path_factory.mktemp("extras")
    models = folder / "models"
    command = [sys.executable, "-m", "tests.tiny_models", str(models / "tiny")]
    subprocess.run(command, check=True, cwd=REPOSITORY)
    command = [sys.executable, "-m", "tests.tiny_upscalers", str(models / "upscalers")]
    subprocess.run(command, check=True, cwd=REPOSITORY)
    with running(folder / "data", models_dir=models) as started:
        yield started.ready()


def png(alpha=False):
    image = Image.effect_noise((48, 40), 80).convert("RGB")
    if alpha:
        image.putalpha(90)
    info = PngInfo()
    info.add_text("parameters", INFOTEXT)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def uploaded(server, data):
    request = urllib.request.Request(
        server.url + "/api/inputs",
        data,
        {"content-type": "application/octet-stream"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["id"]


def result(server, job):
    over = server.finished(job["id"])
    assert over["state"] == "done", over
    found = next(p for p in server.ask("/api/pictures").json["items"] if p["job_id"] == job["id"])
    image = Image.open(io.BytesIO(server.ask(found["url"]).body))
    image.load()
    return found, image


def test_a_picture_through_the_queue(server):
    menu = server.ask("/api/extras").json["upscalers"]
    assert menu == ["Lanczos", "Nearest", "esrgan", "pickled", "swinir"]
    shapes = {row["name"]: row["scale"] for row in server.ask("/api/models").json["upscalers"]}
    assert shapes == {"esrgan": 2, "pickled": None, "swinir": 2}
    order = {
        "picture": uploaded(server, png(alpha=True)),
        "infotext": INFOTEXT,
        "mode": "size",
        "width": 100,
        "height": 64,
        "upscaler_1": "pickled",
        "upscaler_2": "Lanczos",
        "visibility": 0.5,
    }
    job = server.ask("/api/extras", order).json
    assert job["kind"] == "extras"
    told = {key: job["extras"][key] for key in ("picture", "mode", "first", "second")}
    names = {"first": "pickled", "second": "Lanczos"}
    assert told == {"picture": order["picture"], "mode": "size", **names}
    found, image = result(server, job)
    assert image.size == (100, 64)
    assert image.getchannel("A").getextrema() == (90, 90)
    said = (
        "Postprocess upscale to: 100x64, Postprocess upscaler: pickled, "
        "Postprocess upscaler 2: Lanczos, Postprocess upscaler 2 visibility: 0.5"
    )
    assert found["infotext"] == image.info["parameters"] == f"{INFOTEXT}, {said}"
    assert (found["seed"], found["settings"]["prompt"]) == (12, "a cat")
    again = server.ask(f"/api/jobs/{job['id']}/rerun", {}).json
    assert result(server, again)[1].tobytes() == image.tobytes()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"upscaler_1": "Latent"}, "upscaler_1"),
        ({"upscaler_1": "None"}, "upscaler_1"),
        ({"factor": 9}, "factor"),
        ({"upscaler_2": "Magic"}, "upscaler_2"),
        ({"mode": "size", "width": 16_000, "height": 16_000}, "width"),
        ({"picture": "0" * 64}, "picture"),
    ],
)
def test_what_cannot_be_done_is_told(server, change, field):
    order = {"picture": uploaded(server, png()), "upscaler_1": "esrgan", **change}
    answer = server.ask("/api/extras", order)
    assert answer.status == 422
    assert [problem["field"] for problem in answer.json["problems"]] == [field]


def test_hires_fix_and_existing_clients_use_the_models(server):
    small = {"width": 64, "height": 64, "steps": 2, "seed": 4, "hires": True, "hires_steps": 1}
    drawn = {}
    for name in ("Lanczos", "ESRGAN.safetensors"):
        job = server.submit(**small, hires_upscaler=name, denoising_strength=0)
        found, image = result(server, job)
        assert image.size == (128, 128)
        drawn[found["settings"]["hires_upscaler"]] = image.tobytes()
    assert drawn.keys() == {"Lanczos", "esrgan"}
    assert drawn["Lanczos"] != drawn["esrgan"]

    rows = {row["name"]: row for row in server.ask("/sdapi/v1/upscalers").json}
    assert rows["swinir"]["scale"] == 2
    before = server.ask("/api/pictures").json["total"]
    body = {
        "image": base64.b64encode(png()).decode(),
        "upscaler_1": "swinir",
        "upscaling_resize": 3,
    }
    answer = server.ask("/sdapi/v1/extra-single-image", body)
    assert answer.status == 200, answer.body
    image = Image.open(io.BytesIO(base64.b64decode(answer.json["image"])))
    assert image.size == (144, 120)
    assert image.info["parameters"] == INFOTEXT
    assert image.info["postprocessing"] == "Postprocess upscale by: 3, Postprocess upscaler: swinir"
    assert server.ask("/api/pictures").json["total"] == before
    broken = {**body, "upscaling_resize": 8, "upscaling_resize_w": 1}
    large = base64.b64encode(_large()).decode()
    answer = server.ask("/sdapi/v1/extra-single-image", {**broken, "image": large})
    assert answer.status == 422
    assert [problem["field"] for problem in answer.json["problems"]] == ["upscaling_resize"]


def test_to_skip_the_only_picture_is_to_cancel(server):
    order = {"picture": uploaded(server, _large(500)), "upscaler_1": "swinir", "factor": 8}
    job = server.ask("/api/extras", order).json["id"]
    wait_for(lambda: server.job(job)["step"] > 0)
    tiles = server.job(job)
    assert tiles["steps"] > 100
    assert tiles["progress"] == pytest.approx(tiles["step"] / tiles["steps"])
    server.ask(f"/api/jobs/{job}/skip", {})
    assert server.finished(job)["state"] == "cancelled"


def _large(side=3000):
    buffer = io.BytesIO()
    Image.new("RGB", (side, side)).save(buffer, "PNG")
    return buffer.getvalue()
