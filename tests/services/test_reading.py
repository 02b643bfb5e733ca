"""What is said is checked against what is here, and everything else is told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.metadata.pictures import WEBUI, png
from webui.core import infotext
from webui.core.errors import InvalidRequest
from webui.core.request import PARAMETERS, GenerationRequest
from webui.core.validation import Names
from webui.services.extras import made_of
from webui.services.picture_files import encode_picture
from webui.services.reading import Reader

HASHES = {"v1-5-pruned": "6ce0161689", "Dreamy": "aaaaaaaaaa", "ft": "bbbbbbbbbb"}
TYPICAL = "x\nSteps: 20, Sampler: Euler, Seed: 1, "


class Library:
    def hash_of(self, name):
        return HASHES.get(name)

    vae_hash_of = hash_of


def a_reader(checkpoints=("Dreamy", "v1-5-pruned"), vaes=("ft",)):
    return Reader(lambda: Names(checkpoints=checkpoints, vaes=vaes), Library())


def keys_of(reading):
    return {problem.field: problem.key for problem in reading.problems}


def test_a_model_of_another_name_is_found_by_its_hash():
    reading = a_reader().text(WEBUI)
    assert reading.values["checkpoint"] == "v1-5-pruned"
    assert (reading.values["sampler"], reading.values["schedule"]) == ("DPM++ 2M", "Karras")
    assert not reading.problems
    GenerationRequest(**reading.values)


@pytest.mark.parametrize(
    "written", ["dreamy", "Dreamy.safetensors", "sub/Dreamy.ckpt [aaaaaaaaaa]", "x [aaaaaaaaaa]"]
)
def test_a_model_is_known_however_its_name_is_written(written):
    reading = a_reader().text(TYPICAL + f"Model: {written}, Refiner: {written}, VAE: ft.pt")
    values = reading.values
    assert (values["checkpoint"], values["refiner_checkpoint"]) == ("Dreamy", "Dreamy")
    assert values["vae"] == "ft"


def test_what_is_not_here_is_told_with_the_nearest_name():
    reading = a_reader().text(
        TYPICAL.replace("Euler", "Eulerr") + "Model: v1-4-pruned, VAE: zz, Hires upscale: 2, "
        "Hires upscaler: R-ESRGAN 4x+, Clip skip: 99, Size: 513x512"
    )
    assert keys_of(reading) == {
        "checkpoint": "reading.missing_near", "sampler": "reading.missing_near",
        "vae": "reading.missing_near", "hires_upscaler": "reading.missing_near",
        "clip_skip": "error.range_whole", "width": "error.multiple",
    }  # fmt: skip
    near = {problem.field: problem.values.get("near") for problem in reading.problems}
    assert (near["checkpoint"], near["sampler"]) == ("v1-5-pruned", "Euler")
    assert not reading.values.keys() & keys_of(reading).keys()
    assert reading.values["steps"] == 20


def test_a_text_can_be_read_before_there_is_any_model():
    reading = a_reader(checkpoints=()).text(WEBUI)
    assert reading.values["seed"] == 3026112233
    assert keys_of(reading) == {"checkpoint": "reading.missing"}


def test_a_namesake_with_other_weights_is_told():
    reading = a_reader().text(TYPICAL + "Model: Dreamy, Model hash: 0123456789")
    assert keys_of(reading) == {"checkpoint": "reading.hash_differs"}
    assert reading.values["checkpoint"] == "Dreamy"


def test_fields_that_do_not_go_together_are_left_out():
    reading = a_reader().text(TYPICAL + "Size: 2048x2048, Hires upscale: 4, Hires upscaler: None")
    assert "error.hires_size" in keys_of(reading).values()
    GenerationRequest(**reading.values)


def test_sd_upscale_is_read_although_no_text_holds_its_picture():
    reading = a_reader().text(TYPICAL + "SD upscale overlap: 32, SD upscale upscaler: gone")
    assert (reading.values["tile_upscale"], reading.values["tile_overlap"]) == (True, 32)
    assert keys_of(reading) == {"tile_upscaler": "reading.missing_near"}
    assert "init_image" not in reading.values
    made = made_of(reading.values, Names(checkpoints=("Dreamy",)))
    assert (made.sampler, made.tile_upscale) == ("Euler", False)


def test_changes_are_those_that_a_form_would_see():
    current = {"steps": "20", "seed": 5, "eta": "", "clip_skip": 2, "sampler": "Euler"}
    changes = a_reader().text(TYPICAL).view(current)["changes"]
    assert changes == [
        {"field": "seed", "from": 5, "to": 1},
        {"field": "clip_skip", "from": 2, "to": 1},
    ]


def test_other_programs_settings_are_shown_as_infotext():
    comment = {"uc": "bad", "prompt": "{x}", "steps": 9, "seed": -1, "sampler": "k_euler"}
    reading = a_reader().picture(png(Comment=json.dumps(comment)))
    assert reading.values["seed"] == -1
    assert reading.said.infotext.startswith("(x:1.05)\nNegative prompt: bad\nSteps: 9")


def test_our_own_picture_gives_every_field_back_but_what_belongs_to_one_server():
    request = GenerationRequest(
        prompt="a", checkpoint="Dreamy", hires=True, hires_steps=3, batch_count=4, first_pass="id"
    )
    text = infotext.format(request)
    data = encode_picture(bytes(192), 8, 8, "webp", text, request.model_dump_json()).data
    reading = a_reader().picture(data)
    own = {"first_pass", "init_image", "mask", "batch_count", "batch_size"}
    assert PARAMETERS.keys() - reading.values.keys() == own
    assert reading.values["hires_steps"] == 3
    view = reading.view()
    assert view["picture"] == {"format": "WEBP", "width": 8, "height": 8}
    assert [chunk["key"] for chunk in view["chunks"]] == ["UserComment", "inkstone"]


def test_no_picture_and_a_picture_that_says_nothing():
    with pytest.raises(InvalidRequest):
        a_reader().picture(b"<svg/>")
    view = a_reader().picture(png()).view()
    assert (view["source"], view["values"], view["infotext"]) == ("none", {}, "")


ENTRY = st.tuples(
    st.sampled_from([p.infotext for p in PARAMETERS.values() if p.infotext] + ["Size", "x y"]),
    st.sampled_from(["1", "-1", "1e999", "nan", "True", "", '"\\ud800"', "9x9", "x" * 600, "Euler"])
    | st.text(max_size=12),
)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=30), st.lists(ENTRY, max_size=12))
def test_whatever_is_said_the_answer_is_json_and_its_values_are_valid(prompt, entries):
    text = prompt + "\n" + ", ".join(f"{key}: {value}" for key, value in entries)
    reading = a_reader().text(text)
    json.dumps(reading.view({"steps": 3}), allow_nan=False, ensure_ascii=False).encode()
    values = {k: 0 if v == -1 else v for k, v in reading.values.items()}
    GenerationRequest(**values)
