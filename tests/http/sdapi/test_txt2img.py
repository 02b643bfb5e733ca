"""The contract of txt2img: pictures, sizes, seeds and infotexts."""

from __future__ import annotations

import http.client
import io
import json
import urllib.error
import urllib.request

import pytest
from PIL import Image

from tests.http.sdapi.conftest import SMALL, picture
from tests.running_server import Answer, wait_for
from webui.core import infotext

INFO = [
    "prompt",
    "all_prompts",
    "negative_prompt",
    "all_negative_prompts",
    "seed",
    "all_seeds",
    "subseed",
    "all_subseeds",
    "subseed_strength",
    "width",
    "height",
    "sampler_name",
    "cfg_scale",
    "steps",
    "batch_size",
    "restore_faces",
    "face_restoration_model",
    "sd_model_name",
    "sd_model_hash",
    "sd_vae_name",
    "sd_vae_hash",
    "seed_resize_from_w",
    "seed_resize_from_h",
    "denoising_strength",
    "extra_generation_params",
    "index_of_first_image",
    "infotexts",
    "styles",
    "job_timestamp",
    "clip_skip",
    "is_using_inpainting_conditioning",
    "version",
]


def test_the_answer_has_all_that_clients_read(client):
    before = client.history()["total"]
    drawn = client.draw(batch_size=2, n_iter=2, negative_prompt="blurry", made_up="entry")
    assert set(drawn.json) == {"images", "parameters", "info"}
    assert sorted(drawn.info) == sorted(INFO)
    assert [p.size for p in drawn.pictures] == [(64, 64)] * 4
    assert drawn.info["all_seeds"] == [5, 6, 7, 8]
    assert drawn.info["all_prompts"] == ["a red apple"] * 4
    for image, text, seed in zip(drawn.pictures, drawn.info["infotexts"], range(5, 9), strict=True):
        assert image.info["parameters"] == text
        said = infotext.parse(text)
        assert (said.negative_prompt, said.values()["seed"]) == ("blurry", seed)
    assert len({image.tobytes() for image in drawn.pictures}) == 4
    echo = drawn.json["parameters"]
    assert (echo["n_iter"], echo["sampler_index"], echo["alwayson_scripts"]) == (2, "Euler", {})
    assert "made_up" not in echo
    assert client.history()["total"] == before  # save_images is off by default


def test_it_is_the_picture_that_the_form_draws(client, apple):
    job = client.server.submit(**{**SMALL, "sampler": "Euler"})
    client.server.finished(job["id"])
    newest = client.history()["items"][0]
    file = client.server.ask(newest["url"]).body
    assert Image.open(io.BytesIO(file)).tobytes() == apple.pictures[0].tobytes()


def test_saved_pictures_enter_the_history_and_need_not_be_sent(client):
    before = client.history()["total"]
    drawn = client.draw(save_images=True, send_images=False)
    assert drawn.json["images"] == []
    assert client.history()["total"] == before + 1
    assert client.history()["items"][0]["infotext"] == drawn.info["infotexts"][0]


@pytest.mark.parametrize(
    ("body", "label"),
    [
        ({"sampler_index": "k_lms"}, "Sampler: LMS, Schedule type: Uniform"),
        (
            {"sampler_name": "DPM++ 2M Karras", "steps": 4},
            "Sampler: DPM++ 2M, Schedule type: Karras",
        ),
        (
            {"sampler_name": "Euler", "scheduler": "sgm_uniform"},
            "Sampler: Euler, Schedule type: SGM Uniform",
        ),
        ({"override_settings": {"CLIP_stop_at_last_layers": 2}}, "Clip skip: 2"),
        ({"override_settings": {"eta_noise_seed_delta": 9}, "sampler_name": "Euler a"}, "ENSD: 9"),
        (
            {"subseed": 3, "subseed_strength": 0.5},
            "Variation seed: 3, Variation seed strength: 0.5",
        ),
        ({"tiling": True}, "Tiling: True"),
        ({"seed_resize_from_w": 128, "seed_resize_from_h": 96}, "Seed resize from: 128x96"),
        ({"sampler_name": "Euler a", "eta": 0.5}, "Eta: 0.5"),
        (
            {"s_churn": 5, "s_tmin": 0.1, "s_tmax": 50, "s_noise": 1.1},
            "Sigma churn: 5, Sigma tmin: 0.1, Sigma tmax: 50, Sigma noise: 1.1",
        ),
        ({"s_min_uncond": 9, "steps": 3}, "NGMS: 9"),
        ({"cfg_scale": 3.5, "height": 96}, "CFG scale: 3.5, Seed: 5, Size: 64x96"),
        ({"alwayson_scripts": {"Seed": {"args": [11]}, "other": {"args": []}}}, "Seed: 11"),
        ({"infotext": "said\nSteps: 3, Sampler: LMS, Seed: 8, Clip skip: 2"}, "Clip skip: 2"),
    ],
)
def test_what_is_asked_for_is_drawn_and_written(client, apple, body, label):
    drawn = client.draw(**body)
    assert label in drawn.info["infotexts"][0]
    assert drawn.pictures[0].tobytes() != apple.pictures[0].tobytes()


def test_an_infotext_alone_draws_its_picture_again(client, apple):
    answer = client.post("/sdapi/v1/txt2img", {"infotext": apple.info["infotexts"][0]})
    again = picture(answer.json["images"][0])
    assert again.tobytes() == apple.pictures[0].tobytes()


def test_the_checkpoint_by_title_and_unknown_settings(client):
    title = client.get("/sdapi/v1/sd-models")[0]["title"]
    drawn = client.draw(override_settings={"sd_model_checkpoint": title, "ui_color": 1})
    assert drawn.info["sd_model_name"] == "starter"
    assert title == f"starter [{drawn.info['sd_model_hash']}]"
    assert [note["values"] for note in drawn.json["warnings"]] == [{"name": "ui_color"}]


def test_settings_last_when_they_are_not_to_be_restored(client):
    def now():
        return client.get("/sdapi/v1/options")["CLIP_stop_at_last_layers"]

    client.draw(override_settings={"CLIP_stop_at_last_layers": 3})
    assert now() == 1
    client.draw(
        override_settings={"CLIP_stop_at_last_layers": 3},
        override_settings_restore_afterwards=False,
    )
    assert now() == 3
    assert client.draw().info["clip_skip"] == 3
    assert client.post("/sdapi/v1/options", {"CLIP_stop_at_last_layers": 1}).status == 200
    assert client.draw().info["clip_skip"] == 1


def test_hires_fix_and_its_old_form_give_the_size_that_they_name(client, apple):
    hires = {"enable_hr": True, "denoising_strength": 0.5, "hr_upscaler": "Lanczos"}
    new = client.draw(**hires, hr_scale=1.5)
    assert new.pictures[0].size == (96, 96)
    assert (new.info["width"], new.info["denoising_strength"]) == (64, 0.5)
    assert new.info["extra_generation_params"]["Hires upscaler"] == "Lanczos"
    old = client.draw(**hires, firstphase_width=64, firstphase_height=64, width=96, height=96)
    assert old.pictures[0].tobytes() == new.pictures[0].tobytes()
    first = client.draw(**hires, hr_scale=1.5, firstpass_image=apple.json["images"][0])
    assert first.pictures[0].tobytes() == new.pictures[0].tobytes()


def test_the_second_pass_has_entries_of_its_own(client):
    drawn = client.draw(
        enable_hr=True,
        denoising_strength=0.5,
        hr_upscaler=None,
        hr_second_pass_steps=3,
        hr_resize_x=96,
        hr_resize_y=64,
        hr_sampler_name="Heun",
        hr_scheduler="karras",
        hr_checkpoint_name="starter",
        hr_cfg=2,
        hr_prompt="a tree",
        hr_negative_prompt="red",
    )
    assert drawn.pictures[0].size == (96, 64)
    said = infotext.parse(drawn.info["infotexts"][0]).values()
    expected = {
        "hires": True,
        "hires_upscaler": "Latent",
        "hires_steps": 3,
        "hires_sampler": "Heun",
        "hires_schedule": "Karras",
        "hires_cfg_scale": 2.0,
        "hires_prompt": "a tree",
        "hires_negative_prompt": "red",
        "hires_width": 96,
    }
    assert {name: said.get(name) for name in expected} == expected


def test_styles_by_name(client):
    style = {"name": "ink", "prompt": "{prompt}, ink drawing", "negative_prompt": "photo"}
    assert client.server.ask("/api/styles", style, method="PUT").status == 200
    assert client.get("/sdapi/v1/prompt-styles") == [style]
    drawn = client.draw(styles=["ink"])
    assert drawn.info["prompt"] == "a red apple, ink drawing"
    assert (drawn.info["negative_prompt"], drawn.info["styles"]) == ("photo", ["ink"])


def test_answers_say_how_long_they_took(client):
    answer = client.server.ask("/internal/ping")
    assert answer.json == {}
    assert float(answer.headers["x-process-time"]) >= 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"steps": 1000}, "steps"),
        ({"steps": 0}, "steps"),
        ({"steps": "many"}, "steps"),
        ({"width": 100_000}, "width"),
        ({"height": 513}, "height"),
        ({"width": "512px"}, "width"),
        ({"cfg_scale": 1e400}, "cfg_scale"),
        ({"seed": 2**64}, "seed"),
        ({"seed": -2}, "seed"),
        ({"seed": "abc"}, "seed"),
        ({"n_iter": 10**6}, "n_iter"),
        ({"prompt": ["a"]}, "prompt"),
        ({"prompt": "a\0b"}, "prompt"),
        ({"prompt": "\ud800"}, "prompt"),
        ({"prompt": "(" * 10_000}, "prompt"),
        ({"negative_prompt": "x" * 30_000}, "negative_prompt"),
        ({"sampler_name": "Eular"}, "sampler_name"),
        ({"sampler_index": "Eular"}, "sampler_index"),
        ({"scheduler": "../../x"}, "scheduler"),
        ({"styles": ["gone"]}, "styles"),
        ({"styles": "ink"}, "styles"),
        ({"enable_hr": True, "hr_upscaler": "R-ESRGAN 4x+"}, "hr_upscaler"),
        ({"enable_hr": True, "hr_scale": 4, "width": 2048}, "hr_scale"),
        ({"subseed_strength": 2}, "subseed_strength"),
        (
            {"override_settings": {"sd_model_checkpoint": "../../x"}},
            "override_settings.sd_model_checkpoint",
        ),
        ({"script_name": "mine"}, "script_name"),
        ({"alwayson_scripts": {"mine": {"args": [{"a": 1}]}}}, "alwayson_scripts"),
        ({"restore_faces": True}, "restore_faces"),
        ({"enable_hr": True, "firstpass_image": "file:" + "///etc/passwd"}, "firstpass_image"),
    ],
)
def test_what_is_not_right_is_named_and_draws_nothing(client, body, field):
    body = {**SMALL, **body}
    if body["cfg_scale"] == float("inf"):
        answer = raw(client, b'{"steps": 2, "cfg_scale": 1e400}')
    else:
        answer = client.post("/sdapi/v1/txt2img", body)
    assert answer.status == 422, answer.body
    assert set(answer.json) == {"error", "detail", "body", "errors", "problems"}
    assert [problem["field"] for problem in answer.json["problems"]] == [field]
    assert answer.json["detail"].startswith(f"{field}: ")
    assert answer.json["problems"][0]["text"] != answer.json["problems"][0]["key"]


@pytest.mark.parametrize(
    "body",
    [
        {"script_name": "Prompt matrix", "script_args": []},
        {"alwayson_scripts": {"ControlNet": {"args": [{"enabled": True, "module": "canny"}]}}},
    ],
)
def test_a_script_that_is_not_here_yet_is_said_with_a_status_of_its_own(client, body):
    answer = client.post("/sdapi/v1/txt2img", body)
    assert (answer.status, answer.json["error"]) == (501, "NotYet")
    assert answer.json["problems"][0]["field"] in body


@pytest.mark.parametrize(
    "body", [b"[1]", b"{", b"\xff", b'{"cfg_scale": NaN}', b"[" * 100_000, b'"x"']
)
def test_bodies_that_are_no_requests(client, body):
    answer = raw(client, body)
    assert answer.status == 422
    assert answer.json["problems"]


def test_an_empty_body_is_a_request_with_all_its_defaults(client):
    """It would draw for minutes: that it was understood, its end tells."""
    connection = http.client.HTTPConnection("127.0.0.1", client.server.port, timeout=60)
    connection.request("POST", "/sdapi/v1/txt2img", b"")
    wait_for(lambda: client.get("/sdapi/v1/progress")["state"]["sampling_steps"] == 50)
    client.post("/sdapi/v1/interrupt")
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["images"]) == (200, [])
    connection.close()


def raw(client, body):
    request = urllib.request.Request(client.server.url + "/sdapi/v1/txt2img", body)
    request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, dict(error.headers), error.read())


def test_a_body_that_is_too_large_is_not_read(client):
    connection = http.client.HTTPConnection("127.0.0.1", client.server.port, timeout=60)
    connection.putrequest("POST", "/sdapi/v1/img2img")
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", str(10**9))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["error"] == "TooLarge"
    connection.close()
