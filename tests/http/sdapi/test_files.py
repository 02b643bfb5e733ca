"""png-info and the extras."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.http.sdapi.conftest import base64_of, picture


@pytest.fixture(scope="module")
def halves():
    image = Image.new("RGB", (32, 16), "red")
    image.paste("blue", (16, 0, 32, 16))
    return image


def test_a_pictures_texts(client, apple):
    sent = f"data:image/png;base64,{apple.json['images'][0]}"
    said = client.server.ask("/sdapi/v1/png-info", {"image": sent}).json
    assert said["info"] == apple.info["infotexts"][0]
    assert said["items"]["parameters"] == said["info"]
    assert said["parameters"]["Prompt"] == "a red apple"
    assert (said["parameters"]["Size-1"], said["parameters"]["Steps"]) == ("64", "2")
    bare = client.post("/sdapi/v1/png-info", {"image": base64_of(Image.new("RGB", (9, 9)))})
    assert (bare.status, bare.json) == (200, {"info": "", "items": {}, "parameters": {}})
    assert client.post("/sdapi/v1/png-info", {"image": ""}).json["info"] == ""
    for wrong in ("AAAA", "https://example.com/a.png", 5):
        answer = client.post("/sdapi/v1/png-info", {"image": wrong})
        assert answer.status == 422
        assert answer.json["problems"][0]["field"] == "image"


def test_one_picture_larger(client, apple, halves):
    body = {"image": base64_of(halves), "upscaling_resize": 3, "upscaler_1": "Nearest"}
    answer = client.server.ask("/sdapi/v1/extra-single-image", body).json
    larger = picture(answer["image"])
    assert larger.size == (96, 48)
    assert larger.getpixel((47, 0)) == (255, 0, 0)
    to = {"resize_mode": 1, "upscaling_resize_w": 64, "upscaling_resize_h": 64}
    cropped = client.post("/sdapi/v1/extra-single-image", {**body, **to}).json
    assert picture(cropped["image"]).size == (64, 64)
    whole = client.post(
        "/sdapi/v1/extra-single-image", {**body, **to, "upscaling_crop": False}
    ).json
    assert picture(whole["image"]).size == (128, 64)
    drawn = {"image": apple.json["images"][0], "upscaler_1": "Lanczos", "upscaling_resize": None}
    kept = picture(client.post("/sdapi/v1/extra-single-image", drawn).json["image"])
    assert kept.size == (128, 128)
    assert kept.info["parameters"] == apple.info["infotexts"][0]
    assert kept.info["postprocessing"].startswith("Postprocess upscale by: 2")
    same = client.post("/sdapi/v1/extra-single-image", {"image": base64_of(halves)}).json
    assert picture(same["image"]).size == (32, 16)


def test_two_upscalers_and_many_pictures(client, halves):
    body = {"upscaler_1": "Nearest", "upscaler_2": "lanczos", "extras_upscaler_2_visibility": 1}
    both = [{"data": base64_of(image), "name": "a.png"} for image in (halves, halves.rotate(90))]
    answer = client.server.ask("/sdapi/v1/extra-batch-images", {**body, "imageList": both}).json
    assert answer["html_info"] == ""
    assert [picture(data).size for data in answer["images"]] == [(64, 32)] * 2
    soft = halves.resize((64, 32), Image.Resampling.LANCZOS)
    assert picture(answer["images"][0]).tobytes() == soft.tobytes()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"upscaler_1": "R-ESRGAN 4x+"}, "upscaler_1"),
        ({"upscaling_resize": 1000}, "upscaling_resize"),
        ({"upscaling_resize": "x"}, "upscaling_resize"),
        ({"resize_mode": 1, "upscaling_resize_w": 10**6}, "upscaling_resize_w"),
        ({"gfpgan_visibility": 1}, "gfpgan_visibility"),
        ({"image": "???"}, "image"),
        ({"image": None}, "image"),
    ],
)
def test_what_is_not_right_is_named(client, halves, body, field):
    answer = client.post("/sdapi/v1/extra-single-image", {"image": base64_of(halves), **body})
    assert answer.status == 422, answer.body
    assert answer.json["problems"][0]["field"] == field
