"""The infotext is what users keep for years: it must survive every round trip."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from webui.core import infotext
from webui.core.request import MAX_SEED, GenerationRequest

TEXT = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0([)]"), max_size=60
)
HARD = st.sampled_from(
    [
        "Negative prompt: x",
        "a\nNegative prompt: b\nc",
        "Steps: 20, Sampler: Euler, Seed: 1",
        "a\nSteps: 20, Sampler: Euler, Size: 9x9\nb",
        'quoted "text", with: all',
        "中文提示词，带逗号",
        "\x85 odd \u2028 line ends \x0b",
    ]
)


@settings(deadline=None)
@given(
    prompt=TEXT | HARD,
    negative=TEXT | HARD,
    steps=st.integers(1, 150),
    cfg=st.integers(2, 60),
    seed=st.integers(0, MAX_SEED),
    eta=st.none() | st.integers(0, 20),
    checkpoint=st.sampled_from(["", "starter", 'odd: "name", with, commas', "模型"]),
    sampler=st.sampled_from(["Euler", "Euler a", "DPM++ 2M", "DDIM"]),
)
def test_parse_reverses_format(prompt, negative, steps, cfg, seed, eta, checkpoint, sampler):
    request = GenerationRequest(
        prompt=infotext.tidy(prompt),
        negative_prompt=infotext.tidy(negative),
        steps=steps,
        cfg_scale=cfg / 2,
        seed=seed,
        eta=None if eta is None else eta / 20,
        checkpoint=checkpoint,
        sampler=sampler,
        schedule="Karras" if sampler != "DDIM" else "Automatic",
        width=640,
        height=448,
        clip_skip=2,
        noise_source="CPU",
    )
    text = infotext.format(request, model_hash="0123456789", version="Inkstone 0.1.0")
    parsed = infotext.parse(text)
    assert GenerationRequest(**parsed.values()) == request
    assert parsed.settings["Model hash"] == "0123456789"


def test_the_form_users_know():
    request = GenerationRequest(
        prompt="a cat", negative_prompt="blurry", seed=42, cfg_scale=7, checkpoint="starter"
    )
    assert infotext.format(request, model_hash="abcdef0123") == (
        "a cat\nNegative prompt: blurry\n"
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, "
        "Size: 512x512, Model hash: abcdef0123, Model: starter, RNG: NV"
    )


def test_a_picture_of_the_incumbent_is_read():
    text = (
        "masterpiece, (best quality:1.2),\n1girl\nNegative prompt: lowres, bad\nhands\n"
        "Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 3026112233, Size: 512x768, "
        "Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Clip skip: 2, "
        'Lora hashes: "a: 1, b: 2", Version: v1.10.1'
    )
    parsed = infotext.parse(text)
    assert parsed.prompt == "masterpiece, (best quality:1.2),\n1girl"
    assert parsed.negative_prompt == "lowres, bad\nhands"
    assert parsed.settings["Lora hashes"] == "a: 1, b: 2"
    values = parsed.values()
    assert values["sampler"] == "DPM++ 2M"
    assert values["schedule"] == "Karras"
    assert (values["width"], values["height"], values["clip_skip"]) == (512, 768, 2)


@settings(deadline=None)
@given(st.text(max_size=400))
def test_any_string_is_read(text):
    infotext.parse(text).values()


def test_a_megabyte_is_read_in_linear_time():
    start = time.monotonic()
    for unit in ("a: 1, ", '"', 'a: "', "\n", "Negative prompt: ", "aa", "a b-/"):
        infotext.parse(unit * (1_000_000 // len(unit))).values()
    assert time.monotonic() - start < 60, "a quadratic parser needs hours for this"


def test_hostile_numbers_are_left_out_or_refused_later():
    values = infotext.parse("x\nSteps: 1e309, Seed: " + "9" * 5000 + ", Size: 9e9x1").values()
    assert "width" not in values
    assert "seed" not in values or values["seed"] == float("inf")
