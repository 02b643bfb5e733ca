"""Pictures of other programs, and pictures that mean harm."""

from __future__ import annotations

import json
import struct
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.services.metadata.pictures import (
    WEBUI,
    chunk,
    png,
    saved,
    stealth,
    with_chunk,
    with_comment,
)  # fmt: skip
from webui.services.metadata import read_metadata
from webui.services.picture_files import encode_picture


def utf16(order: str) -> bytes:
    return WEBUI.encode(f"utf-16-{order}")


@pytest.mark.parametrize(
    "data",
    [
        png(parameters=WEBUI),
        png(zipped=True, parameters=WEBUI),
        with_chunk(b"tEXt", b"parameters\0" + WEBUI.encode()),
        with_chunk(b"iTXt", b"parameters\0\1\0en\0x\0" + zlib.compress(WEBUI.encode())),
        png(parameters=WEBUI)[:-30],
        saved(Image.new("P", (8, 8)), "GIF", comment=WEBUI.encode()),
        *(with_comment(b"UNICODE\0" + utf16("be"), kind) for kind in ("JPEG", "WEBP", "AVIF")),
        with_comment(b"UNICODE\0" + utf16("le")),
        with_comment(b"UNICODE\0\xff\xfe" + utf16("le")),
        with_comment(b"UNICODE\0" + WEBUI.encode()),
        with_comment(b"ASCII\0\0\0" + WEBUI.encode()),
        with_comment(b"\0" * 8 + WEBUI.encode()),
        with_comment(WEBUI.encode()),
        *(stealth(WEBUI, channels, packed) for channels in ("A", "RGB") for packed in (0, 1)),
        stealth(WEBUI, "RGB", True, "WEBP"),
    ],
)
def test_the_incumbents_text_is_found_wherever_it_lies(data):
    said = read_metadata(data)
    assert said.source == "webui"
    assert said.infotext == WEBUI
    assert said.values["seed"] == 3026112233
    assert said.model_hash == "6ce0161689"
    assert said.unknown == (("Face restoration", "GFPGAN"),)
    assert said.chunks


def test_chinese_in_every_place():
    text = WEBUI.replace("1girl", "一只猫，画")
    for data in (
        png(parameters=text),
        with_comment(b"UNICODE\0" + text.encode("utf-16-be")),
        with_comment(b"UNICODE\0" + text.encode("utf-16-le")),
        with_comment(b"UNICODE\0" + text.encode()),
    ):
        assert read_metadata(data).infotext == text


def test_novelai():
    comment = {
        "prompt": "{{girl}}, [hat], 1.5::red::, f(x)", "uc": "bad", "steps": 28, "width": 832,
        "height": 1216, "scale": 5.0, "seed": 7, "sampler": "k_euler_ancestral", "sm": True,
        "noise_schedule": "karras", "cfg_rescale": 0.2, "sm_dyn": False,
    }  # fmt: skip
    said = read_metadata(png(Software="NovelAI", Comment=json.dumps(comment)))
    assert said.source == "novelai"
    assert said.values == {
        "prompt": r"(girl:1.103), (hat:0.9524), (red:1.5), f\(x\)", "negative_prompt": "bad",
        "steps": 28, "width": 832, "height": 1216, "cfg_scale": 5.0, "seed": 7,
        "sampler": "Euler a", "schedule": "Karras", "cfg_rescale": 0.2,
    }  # fmt: skip
    assert said.unknown == (("sm", "True"),)
    hidden = json.dumps({"Software": "NovelAI", "Comment": json.dumps(comment)})
    assert read_metadata(stealth(hidden, "A", True)).values == said.values


def test_invokeai_of_three_generations():
    current = {
        "positive_prompt": "a cat", "negative_prompt": "dog", "width": 640, "height": 512,
        "seed": 1, "cfg_scale": 6.5, "steps": 30, "scheduler": "dpmpp_2m_k", "clip_skip": 1,
        "model": {"name": "dreamy", "hash": "blake3:1"},
    }  # fmt: skip
    said = read_metadata(png(invokeai_metadata=json.dumps(current)))
    assert said.source == "invokeai"
    assert (said.values["sampler"], said.values["schedule"]) == ("DPM++ 2M", "Karras")
    assert (said.values["checkpoint"], said.values["clip_skip"]) == ("dreamy", 2)
    assert said.values["noise_source"] == "CPU"
    older = {
        "model_weights": "sd15",
        "image": {"prompt": [{"prompt": "a [x] cat [dog]"}], "sampler": "k_lms", "seed": 2},
    }
    said = read_metadata(png(**{"sd__metadata": json.dumps(older)}))
    assert said.values == {
        "prompt": "a  cat", "negative_prompt": "x, dog", "sampler": "LMS", "noise_source": "CPU",
        "schedule": "Automatic", "seed": 2, "checkpoint": "sd15",
    }  # fmt: skip
    said = read_metadata(png(Dream='"a cat" -s 50 -S 123 -W 512 -H 640 -C 7.5 -A k_euler_a'))
    assert said.values == {
        "prompt": "a cat", "negative_prompt": "", "steps": "50", "seed": "123", "width": "512",
        "height": "640", "cfg_scale": "7.5", "sampler": "Euler a", "schedule": "Automatic",
        "noise_source": "CPU",
    }  # fmt: skip


GRAPH = {
    "3": {"class_type": "KSampler", "inputs": {
        "seed": ["20", 0], "steps": 25, "cfg": 8.0, "sampler_name": "dpmpp_2m_sde_gpu",
        "scheduler": "karras", "denoise": 1.0, "model": ["11", 0], "positive": ["12", 0],
        "negative": ["7", 0], "latent_image": ["5", 0]}},
    "30": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 9, "latent_image": ["3", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sub\\x.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 768, "height": 512}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["21", 0], "clip": ["10", 0]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "ugly", "clip": ["10", 0]}},
    "10": {"class_type": "CLIPSetLastLayer", "inputs": {
        "stop_at_clip_layer": -2, "clip": ["11", 1]}},
    "11": {"class_type": "LoraLoader", "inputs": {
        "lora_name": "f/ink.safetensors", "strength_model": 0.8, "model": ["4", 0],
        "clip": ["4", 1]}},
    "12": {"class_type": "ControlNetApply", "inputs": {"conditioning": ["6", 0], "strength": 1}},
    "20": {"class_type": "PrimitiveInt", "inputs": {"value": 99}},
    "21": {"class_type": "StringConstant", "inputs": {"string": "a cat"}},
    "40": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["41", 0]}},
    "41": {"class_type": "VAELoader", "inputs": {"vae_name": "ft.safetensors"}},
}  # fmt: skip


def test_comfyui_is_followed_along_its_links():
    expected = {
        "prompt": "a cat <lora:ink:0.8>", "negative_prompt": "ugly", "steps": 25, "seed": 99,
        "cfg_scale": 8.0, "sampler": "DPM++ 2M SDE", "schedule": "Karras", "width": 768,
        "height": 512, "checkpoint": "sub\\x.safetensors", "vae": "ft.safetensors",
        "clip_skip": 2, "noise_source": "CPU",
    }  # fmt: skip
    backwards = dict(reversed(GRAPH.items()))
    for graph in (GRAPH, backwards):
        said = read_metadata(png(prompt=json.dumps(graph), workflow="{}"))
        assert (said.source, said.values) == ("comfyui", expected)


def test_a_graph_that_runs_in_a_circle_ends():
    circle = {
        "1": {"class_type": "KSampler", "inputs": {
            "model": ["2", 0], "positive": ["2", 0], "latent_image": ["2", 0]}},
        "2": {"class_type": "X", "inputs": {
            "model": ["2", 0], "text": ["2", 0], "conditioning": ["2", 0], "samples": ["2", 0]}},
        "3": 7, "4": {"inputs": [1]}, "5": {"class_type": [], "inputs": {"a": [[1]]}},
    }  # fmt: skip
    assert read_metadata(png(prompt=json.dumps(circle))).source == "comfyui"


BOMB = zlib.compress(bytes(50_000_000), 9)
DEEP = "[" * 200_000
HOSTILE = {
    "zTXt bomb": with_chunk(b"zTXt", b"parameters\0\0" + BOMB),
    "iTXt bomb": with_chunk(b"iTXt", b"parameters\0\1\0\0\0" + BOMB),
    "gif of comments": b"GIF89a\1\0\1\0\0\0\0!\xfe" + (b"\xff" + b"x" * 255) * 100_000,
    "jpeg of comments": b"\xff\xd8" + b"\xff\xfe\0\2" * 5_000_000,
    "long chunk": png()[:33] + struct.pack(">I", 2**32 - 1) + b"tEXtparameters\0x",
    "many chunks": png()[:33] + chunk(b"tEXt", b"a\0x") * 2_000_000,
    "many letters": with_chunk(b"tEXt", b"parameters\0" + b"a" * 6_000_000),
    "deep json": png(prompt=DEEP, Comment=DEEP, invokeai_metadata=DEEP, inkstone=DEEP),
    "deep objects": png(prompt='{"a":' * 100_000),
    "odd types": png(Comment='{"uc": [], "prompt": {}, "steps": {}, "sampler": 3}'),
    "odd model": png(invokeai_metadata='{"model": [1], "scheduler": {}, "steps": null}'),
    "odd older": png(**{"sd__metadata": '{"image": {"prompt": [[]], "sampler": []}}'}),
    "open quote": png(Dream='"a cat -s 50'),
    "huge numbers": png(Comment='{"uc": "", "prompt": "", "steps": ' + "9" * 10_000 + "}"),
    "half a stealth": stealth("x" * 500, "A", True)[:120],
    "huge picture": png()[:16] + struct.pack(">II", 60_000, 60_000) + png()[24:],
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_pictures_cost_little_and_raise_nothing(data):
    tracemalloc.start()
    start = time.monotonic()
    said = read_metadata(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (said is None) == data.startswith((b"GIF", b"\xff\xd8"))
    assert peak < 200_000_000
    assert time.monotonic() - start < 60, "a safety net: it takes well under a second"


@pytest.mark.parametrize(
    "data",
    [b"", b"<svg onload='alert(1)'></svg>", b"<html>", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff",
     b"RIFF1234WEBP", b"GIF89a", b"\0\0\0\x1cftypavif", b"MM\0*\0\0\0\x08"],
)  # fmt: skip
def test_what_is_no_picture_is_none(data):
    assert read_metadata(data) is None


def test_a_huge_picture_is_not_searched_for_hidden_text():
    """40 million pixels of zeros: some kilobytes as a file, 160 MB when decoded."""
    data = saved(Image.new("1", (8000, 5000)), "PNG")
    tracemalloc.start()
    assert read_metadata(data).source == "none"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


TINY = [
    encode_picture(bytes(192), 8, 8, name, WEBUI, '{"seed": 1}').data for name in ("png", "jpg")
] + [png(prompt=json.dumps(GRAPH)), stealth("x", "RGB", True)]


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(TINY), st.data())
def test_damaged_pictures_raise_nothing(data, draw):
    spoiled = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 8))):
        spoiled[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    read_metadata(bytes(spoiled[: draw.draw(st.integers(0, len(data)))]))
