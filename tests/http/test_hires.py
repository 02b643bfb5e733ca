"""Hires fix through the browser's own API, with the starter model."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from webui.core.errors import InvalidRequest
from webui.core.request import GenerationRequest
from webui.services.admission import check_fits
from webui.services.models import ModelLibrary

LATER = {"hires_scale": 1.5, "hires_upscaler": "Lanczos", "hires_steps": 2}


def drawn(server, job):
    assert server.finished(job["id"])["state"] == "done"
    pictures = server.ask("/api/pictures").json["items"]
    return next(p for p in pictures if p["job_id"] == job["id"])


def pixels(server, picture):
    with Image.open(io.BytesIO(server.ask(picture["url"]).body)) as image:
        return np.asarray(image), json.loads(image.info["inkstone"])


def test_hires_fix_on_a_finished_picture(server):
    first = drawn(server, server.submit(prompt="a red apple", seed=3, steps=3))
    job = server.ask(f"/api/pictures/{first['id']}/hires", LATER).json
    assert job["steps"] == 2
    later = drawn(server, job)
    got, request = pixels(server, later)
    assert got.shape == (192, 192, 3)
    assert (later["width"], later["height"]) == (192, 192)
    assert (request["seed"], request["width"], request["hires"]) == (3, 128, True)
    assert "Hires upscaler: Lanczos" in later["infotext"]
    assert "Size: 128x128" in later["infotext"]
    # Both passes in one job give the very same picture.
    whole = server.submit(prompt="a red apple", seed=3, steps=3, hires=True, **LATER)
    assert whole["steps"] == 5
    assert np.array_equal(pixels(server, drawn(server, whole))[0], got)


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/api/pictures/none/hires", {}, 404, None),
        ("/api/jobs", {"hires": True, "first_pass": "none"}, 422, "first_pass"),
        ("/api/jobs", {"hires": True, "hires_scale": 4, "width": 2048}, 422, "hires_scale"),
        ("/api/jobs", {"hires": True, "hires_upscaler": "Magic"}, 422, "hires_upscaler"),
        ("/api/jobs", {"refiner_checkpoint": "none"}, 422, "refiner_checkpoint"),
    ],
)
def test_what_cannot_be_drawn_is_refused(server, path, body, status, field):
    answer = server.ask(path, body)
    assert answer.status == status
    if field:
        assert field in answer.body.decode()


def test_a_hires_pass_beyond_memory_is_refused_at_its_field(starter_models):
    entry = ModelLibrary(starter_models).entry("starter")
    wanted = GenerationRequest(width=512, height=512, checkpoint="starter", hires=True)
    memory = 300 * 10**6
    check_fits(wanted.model_copy(update={"hires": False}), entry, memory)
    check_fits(wanted.model_copy(update={"hires_scale": 1.0}), entry, memory)
    for size, field in (({}, "hires_scale"), ({"hires_height": 1024}, "hires_height")):
        with pytest.raises(InvalidRequest) as caught:
            check_fits(wanted.model_copy(update=size), entry, memory)
        assert (caught.value.message.key, caught.value.message.field) == (
            "error.hires_too_big", field,
        )  # fmt: skip
