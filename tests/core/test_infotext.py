"""The infotext is what users keep for years: it must survive every round trip."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webui.core import infotext
from webui.core.catalogue import BUILTIN
from webui.core.infotext.writing import ORDER
from webui.core.picture_fields import PICTURES
from webui.core.request import FIXED_CHOICES, PARAMETERS, GenerationRequest

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


NAMES = {
    "samplers": [*BUILTIN.samplers],
    "schedules": ["Automatic", *BUILTIN.schedules],
    "upscalers": [*BUILTIN.upscalers],
    "picture_upscalers": ["None", "Lanczos", 'odd: "name", with, commas'],
    "checkpoints": ["starter", 'odd: "name", with, commas', "模型", "a\rb", '"quoted"', " x "],
    "vaes": ["Automatic", "ft-mse, 840000"],
    **FIXED_CHOICES,
}


def values_of(name):
    """Any valid value of this field; the default comes up often, as in life."""
    row = PARAMETERS[name]
    if row.choices:
        drawn = st.sampled_from(NAMES[row.choices])
    elif name in PICTURES:
        drawn = st.just("0" * 64)
    elif row.kind == "color":
        drawn = st.from_regex("#[0-9a-fA-F]{6}", fullmatch=True)
    elif row.kind == "text":
        drawn = TEXT | HARD
    elif row.kind == "flag":
        drawn = st.booleans()
    elif row.kind == "number":
        drawn = st.floats(row.minimum, row.maximum)
    else:
        scale = int(row.multiple or 1)
        drawn = st.integers(-(-int(row.minimum) // scale), int(row.maximum) // scale)
        drawn = drawn.map(lambda n: n * scale)
    return st.just(row.default) | drawn


REQUESTS = st.fixed_dictionaries({name: values_of(name) for name in PARAMETERS}).map(
    lambda values: GenerationRequest(**values)
)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(request=REQUESTS)
def test_parse_reverses_format_for_every_field(request):
    text = infotext.format(request, model_hash="0123456789", version="Inkstone 0.1.0")
    parsed = infotext.parse(text)
    assert GenerationRequest(**parsed.values()) == GenerationRequest(**infotext.relevant(request))
    assert parsed.settings["Model hash"] == "0123456789"
    assert not parsed.fields().unknown
    pictures = {name: getattr(request, name) for name in PICTURES}  # no text holds them
    whole = GenerationRequest(**parsed.values(), **pictures)
    again = infotext.format(whole, model_hash="0123456789")
    assert again == text.replace(", Version: Inkstone 0.1.0", "")


def test_what_matters_is_not_dropped():
    """`relevant` may drop only what no pixel depends on: with its part on, a field is kept."""
    varied = {
        "hires": True, "hires_sampler": "Euler a", "hires_schedule": "Beta", "hires_steps": 9,
        "hires_upscaler": "Lanczos", "hires_scale": 1.5, "denoising_strength": 0.4,
        "hires_checkpoint": "b", "hires_cfg_scale": 4.0, "hires_prompt": "(big", "ensd": 31337,
        "hires_negative_prompt": "small", "refiner_checkpoint": "c", "refiner_switch_at": 0.6,
        "refiner_by_steps": True, "hires_refiner": "both", "sampler": "Euler", "eta": 0.5,
        "s_churn": 1.0, "s_tmin": 0.1, "s_tmax": 9.0, "s_noise": 1.1, "sigma_min": 0.1,
        "sigma_max": 9.0, "rho": 5.0, "beta_alpha": 0.5, "beta_beta": 0.7, "ngms": 1.0,
        "discard_penultimate": True, "sgm_noise_multiplier": True, "tiling": True,
        "noise_schedule": "Zero Terminal SNR", "ngms_all_steps": True, "skip_early_cond": 0.1,
        "cfg_rescale": 0.7, "pad_conds": True, "emphasis": "No norm", "old_timelines": True,
        "variation_seed": 5, "variation_strength": 0.1, "seed_resize_width": 64, "clip_skip": 2,
        "seed_resize_height": 128, "prompt": "p", "negative_prompt": "n", "steps": 9,
        "schedule": "Karras", "cfg_scale": 3.0, "width": 64, "height": 72, "seed": 8,
        "noise_source": "CPU", "checkpoint": "a", "vae": "v",
    }  # fmt: skip
    request = GenerationRequest(**varied)
    assert infotext.relevant(request) == varied
    begun = {
        "init_image": "0" * 64, "mask": "1" * 64, "resize_mode": "Crop and resize",
        "image_cfg_scale": 2.0, "noise_multiplier": 0.9, "extra_noise": 0.1, "exact_steps": True,
        "color_correction": True, "background_color": "#123456", "mask_blur": 8,
        "mask_blur_y": 0,
        "mask_mode": "Inpaint not masked", "masked_content": "fill", "masked_padding": 16,
        "inpaint_area": "Only masked", "mask_weight": 0.5, "mask_rounding": False,
        "soft_inpainting": True, "soft_schedule_bias": 2.0, "soft_preservation": 1.0,
        "soft_contrast": 5.0, "soft_mask_influence": 0.1, "soft_difference_threshold": 1.0,
        "soft_difference_contrast": 3.0, "outpaint_left": 8, "outpaint_right": 16,
        "outpaint_up": 24, "outpaint_down": 32, "width": 512, "denoising_strength": 0.5,
    }  # fmt: skip
    told = infotext.relevant(GenerationRequest(**begun))
    assert {name: told.get(name) for name in begun} == {**begun, **dict.fromkeys(PICTURES)}
    tiles = {
        "tile_upscale": True, "tile_upscaler": "Nearest", "tile_scale": 1.5, "tile_overlap": 32,
    }  # fmt: skip
    told = infotext.relevant(GenerationRequest(init_image="0" * 64, **tiles))
    assert {name: told.get(name) for name in tiles} == tiles
    other = {"batch_size", "batch_count", "first_pass", "hires_width", "hires_height"}
    assert varied.keys() | begun.keys() | tiles.keys() | other == PARAMETERS.keys()
    resized = request.model_copy(update={"hires_width": 1024})
    assert "Hires resize: 1024x0" in infotext.format(resized)


def test_every_key_has_its_place():
    assert {p.infotext for p in PARAMETERS.values() if p.infotext} <= set(ORDER)


def test_schedules_of_the_hires_pass_are_written_where_they_differ():
    """ "Automatic" is resolved for each pass; what a reader can find out is left out."""
    request = GenerationRequest(hires=True, hires_sampler="Euler")
    text = infotext.format(request)
    assert "Schedule type: Karras" in text
    assert "Hires schedule type: Uniform" in text
    assert "Hires schedule type" not in infotext.format(GenerationRequest(hires=True))


def test_the_order_of_the_keys():
    request = GenerationRequest(
        hires=True, variation_seed=9, variation_strength=0.5, tiling=True, refiner_checkpoint="r",
        ngms=1.5, sampler="DDIM", eta=0.25, vae="v", clip_skip=2,
    )  # fmt: skip
    text = infotext.format(request, vae_hash="1", extra={"TI hashes": "a: 1, b: 2"}, version="V")
    assert text == (
        "Steps: 20, Sampler: DDIM, CFG scale: 7, Seed: 0, Size: 512x512, VAE hash: 1, VAE: v, "
        "Variation seed: 9, Variation seed strength: 0.5, Denoising strength: 0.7, Clip skip: 2, "
        "RNG: NV, Tiling: True, Hires upscale: 2, Hires upscaler: Latent, Eta DDIM: 0.25, "
        'NGMS: 1.5, Refiner: r, Refiner switch at: 0.8, TI hashes: "a: 1, b: 2", Version: V'
    )


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


TYPICAL = "x\nSteps: 20, Sampler: Euler, Seed: 1, "


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ("", {"clip_skip": 1, "noise_source": "NV", "hires": False, "refiner_checkpoint": ""}),
        ("Clip skip: 2, RNG: CPU", {"clip_skip": 2, "noise_source": "CPU"}),
        ("Hires upscale: 2, Hires upscaler: Lanczos", {"hires": True, "hires_scale": 2}),
        ("Hires resize: 0x768", {"hires": True, "hires_width": 0, "hires_height": 768}),
        ("Hires upscale: 2, Hires sampler: Use same sampler", {"hires_sampler": ""}),
        (
            "Hires upscale: 2, Hires sampler: DPM++ 2M Karras",
            {"hires_sampler": "DPM++ 2M", "hires_schedule": "Karras"},
        ),
        ("Eta DDIM: 0.5", {"eta": 0.5}),
        ("Tiling: True, SGM noise multiplier: True", {"tiling": True, "pad_conds": False}),
        ("Refiner: r, Refiner switch at: 0.8, Version: v1.7.0", {"refiner_by_steps": True}),
        ("Refiner: r, Version: v1.10.1", {"refiner_by_steps": False}),
        ("Refiner: r, Version: f2.0.1v1.10.1-previous-1", {"refiner_by_steps": True}),
        ("Version: v1.5.2", {"old_timelines": False}),
        ("Hypernet: h, Hypernet strength: 0.5", {"prompt": "x<hypernet:h:0.5>"}),
        ("cfg Scale: 3, Variation seed: 7, Variation seed strength: 0.2", {"variation_seed": 7}),
        ("VAE: None, Sigma tmax: inf", {"vae": "Automatic", "s_tmax": 0}),
    ],
)
def test_what_a_text_says_and_what_it_implies(entries, expected):
    values = infotext.parse(TYPICAL + entries).values()
    assert {name: values[name] for name in expected} == expected
    GenerationRequest(**values)


def test_old_prompt_editing_is_recognised_by_version_and_bracket():
    text = "[a:b:5]\nSteps: 20, Sampler: Euler, Seed: 1, Version: v1.5.2"
    assert infotext.parse(text).values()["old_timelines"] is True
    assert infotext.parse(text.replace("1.5.2", "1.10.0")).values()["old_timelines"] is False


def test_a_prompt_alone_implies_nothing():
    assert infotext.parse("a cat, red").fields() == infotext.Fields({"prompt": "a cat, red"})


def test_what_no_field_stands_for_is_told():
    fields = infotext.parse(
        TYPICAL + "Face restoration: GFPGAN, Lora hashes: x, Size: odd"
    ).fields()
    assert fields.unknown == (("Face restoration", "GFPGAN"), ("Size", "odd"))
    assert "clip_skip" in fields.assumed
    assert "steps" not in fields.assumed


@settings(deadline=None)
@given(st.text(max_size=400) | st.text('abS:,"\\ \n-/', max_size=400))
def test_any_string_is_read(text):
    infotext.parse(text).values()


UNITS = (
    "a: 1, ", '"', 'a: "', "\n", "Negative prompt: ", "aa", "a b-/", ":", "a:", "ab:",
    'ab: "\\', 'ab: "\\"', "[", "Steps: 1, ", "\ud800", "ab: \t",
)  # fmt: skip


def test_a_megabyte_is_read_in_linear_time():
    start = time.monotonic()
    for unit in UNITS:
        infotext.parse(unit * (1_000_000 // len(unit))).values()
        infotext.parse(unit * (999_000 // len(unit)) + '",').values()
    assert time.monotonic() - start < 60, "a quadratic parser needs hours for this"


def test_hostile_numbers_are_left_out_or_refused_later():
    values = infotext.parse("x\nSteps: 1e309, Seed: " + "9" * 5000 + ", Size: 9e9x1").values()
    assert "width" not in values
    assert "seed" not in values or values["seed"] == float("inf")
