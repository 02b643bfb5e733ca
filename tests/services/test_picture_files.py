"""Pictures of all formats carry both texts, and give them back."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image, PngImagePlugin

from webui.core import infotext
from webui.core.request import GenerationRequest
from webui.services.formats import FORMATS, MEDIA_TYPES, format_of, media_type
from webui.services.metadata import read_metadata
from webui.services.picture_files import encode_picture

GREY = bytes([128]) * (64 * 72 * 3)
REQUEST = GenerationRequest(
    prompt="猫, a cat 😺\nSteps: 1, Sampler: x, Seed: 9", negative_prompt="Ã© café", seed=5,
    width=64, height=72, hires_steps=7,
)  # fmt: skip
TEXT = infotext.format(REQUEST, version="Inkstone 0")


def encoded(name, request=REQUEST, text=TEXT):
    return encode_picture(GREY, 64, 72, name, text, request.model_dump_json())


@pytest.mark.parametrize("name", FORMATS)
def test_both_texts_come_back_from_every_format(name):
    file = encoded(name)
    assert (file.format, media_type(file.data)) == (name, MEDIA_TYPES[name])
    with Image.open(io.BytesIO(file.data)) as image:
        image.load()
        assert image.size == (64, 72)
    said = read_metadata(file.data)
    assert (said.source, said.exact, said.infotext, said.size) == ("inkstone", True, TEXT, (64, 72))
    assert GenerationRequest(**said.values) == REQUEST, "hires_steps is in the copy alone"


@pytest.mark.parametrize("name", ["jpg", "webp", "avif"])
def test_the_comment_is_where_the_field_looks_for_it(name):
    with Image.open(io.BytesIO(encoded(name).data)) as image:
        comment = image.getexif().get_ifd(0x8769)[37510]
    assert comment == b"UNICODE\0" + TEXT.encode("utf-16-be")


@pytest.mark.parametrize("name", ["jpg", "webp", "avif"])
def test_what_a_format_cannot_hold_becomes_a_png(name):
    long = REQUEST.model_copy(update={"prompt": "猫" * 20_000, "negative_prompt": "x" * 20_000})
    file = encoded(name, long, infotext.format(long))
    assert (file.format, media_type(file.data)) == ("png", "image/png")
    assert read_metadata(file.data).values["prompt"] == "猫" * 20_000
    if name != "avif":
        wide = 70_000
        assert encode_picture(bytes(wide * 3), wide, 1, name, "", "{}").format == "png"


@pytest.mark.parametrize("name", ["png", "jpg"])
def test_a_text_that_somebody_edited_wins_over_the_copy(name):
    other = infotext.format(REQUEST.model_copy(update={"seed": 77}))
    said = read_metadata(encoded(name, text=other).data)
    assert (said.source, said.exact, said.values["seed"]) == ("webui", False, 77)


def test_a_copy_that_is_no_request_is_left_alone():
    for copy in ("{", "[]", '{"steps": "many"}', '{"width": 1e999}', "[" * 100_000, '"x"'):
        data = encode_picture(GREY, 64, 72, "png", TEXT, copy).data
        assert read_metadata(data).source == "webui", copy[:20]


def test_fields_of_a_newer_version_are_told():
    copy = json.dumps({**REQUEST.model_dump(), "sharpness": 3})
    said = read_metadata(encode_picture(GREY, 64, 72, "png", TEXT, copy).data)
    assert (said.source, said.unknown) == ("inkstone", (("sharpness", "3"),))


def test_names_of_formats():
    assert [format_of(name) for name in (".PNG", "jpeg", ".jpg", "webp", ".avif", ".bmp", "")] == [
        "png", "jpg", "jpg", "webp", "avif", None, None,
    ]  # fmt: skip


def test_half_characters_do_not_stop_a_picture_from_being_saved():
    for name in FORMATS:
        assert encode_picture(GREY, 64, 72, name, "\ud800", "{}").format == name


def test_other_programs_read_our_png():
    image = PngImagePlugin.PngImageFile(io.BytesIO(encoded("png").data))
    assert image.text["parameters"] == TEXT
