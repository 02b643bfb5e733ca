"""Several pictures in one request: start pictures for a batch, and the grid of what is saved."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.http.sdapi.conftest import base64_of


@pytest.fixture(scope="module")
def starts():
    slope = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
    return [base64_of(slope), base64_of(slope.rotate(90)), base64_of(slope.rotate(180))]


def test_each_picture_of_a_batch_begins_with_its_own(client, starts):
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 40, 64))
    half = {"denoising_strength": 0.6, "mask": base64_of(mask), "inpaint_full_res": False}
    drawn = client.draw("img2img", init_images=starts[:2], batch_size=3, n_iter=2, **half)
    assert len(drawn.pictures) == 6
    info = drawn.info
    assert (info["batch_size"], info["seed"], info["all_seeds"]) == (3, 5, [*range(5, 11)])
    assert (len(info["all_prompts"]), info["index_of_first_image"]) == (6, 0)
    for number, begun in ((1, 1), (2, 0), (3, 0)):  # each batch begins with the first again
        start = [starts[begun]]
        alone = client.draw("img2img", init_images=start, seed=5 + number, **half)
        assert alone.pictures[0].tobytes() == drawn.pictures[number].tobytes()
        assert alone.info["infotexts"][0] == info["infotexts"][number]
    varied = client.draw(
        "img2img", init_images=starts, batch_size=1, subseed=9, subseed_strength=0.2, steps=1
    ).info
    assert varied["batch_size"] == 3  # none of the start pictures is left out
    assert (varied["all_seeds"], varied["all_subseeds"]) == ([5, 5, 5], [9, 10, 11])


def test_too_many_start_pictures_are_refused_and_draw_nothing(client, starts):
    before = len(client.server.ask("/api/jobs").json["jobs"])
    for wrong in ({"init_images": starts[:1] * 9}, {"init_images": [starts[0], "?"]}):
        answer = client.post("/sdapi/v1/img2img", wrong)
        assert answer.status == 422
        assert [problem["field"] for problem in answer.json["problems"]] == ["init_images"]
    assert len(client.server.ask("/api/jobs").json["jobs"]) == before


def test_saved_pictures_come_with_their_grid(client, starts):
    before = client.history()["total"]
    drawn = client.draw(n_iter=3, save_images=True)
    grid, *pictures = drawn.pictures
    info = drawn.info
    assert (info["index_of_first_image"], len(pictures), grid.size) == (1, 3, (128, 128))
    assert grid.crop((64, 0, 128, 64)).tobytes() == pictures[1].tobytes()
    assert grid.crop((0, 64, 64, 128)).tobytes() == pictures[2].tobytes()
    assert grid.info["parameters"] == info["infotexts"][0] == info["infotexts"][1]
    assert (len(info["infotexts"]), info["all_seeds"]) == (4, [5, 6, 7])
    assert client.history()["total"] == before + 3
    row = {"save_images": True, "batch_size": 2, "init_images": starts[:2]}
    wide = client.draw("img2img", **row, override_settings={"n_rows": 1})
    assert wide.pictures[0].size == (128, 64)
    for body in (
        {**row, "override_settings": {"return_grid": False}},
        {**row, "init_images": starts[:1], "batch_size": 1},
    ):
        plain = client.draw("img2img", **body)
        assert plain.info["index_of_first_image"] == 0
        assert {picture.size for picture in plain.pictures} == {(64, 64)}


def test_whether_there_is_a_grid_is_a_setting(client):
    assert client.post("/sdapi/v1/options", {"return_grid": "x"}).status == 422
    assert client.post("/sdapi/v1/options", {"return_grid": False}).status == 200
    assert client.get("/sdapi/v1/options")["return_grid"] is False
    assert len(client.draw(batch_size=2, save_images=True).pictures) == 2
    client.post("/sdapi/v1/options", {"return_grid": None})
    assert client.get("/sdapi/v1/options")["return_grid"] is True
