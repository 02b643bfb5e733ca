"""Requests of existing clients as fields of ours, row by row of the contract."""

from __future__ import annotations

import pytest

from webui.core.errors import InvalidRequest, NotYet
from webui.core.request import GenerationRequest
from webui.core.validation import Names, complete
from webui.services.compat import options
from webui.services.compat.lenient import lenient, without_unsupported
from webui.services.compat.requests import entry_of, read
from webui.services.compat.rows import schema

NAMES = Names(
    checkpoints=("first", "other"),
    vaes=("sharp",),
    aliases={"checkpoints": {"other.safetensors": "other", "0123456789": "other"}},
)


def wanted(body=None, kind="txt2img", own=None, said=None):
    return read(body or {}, kind, own=own or {}, said=said or {})


def fields(body=None, kind="txt2img", **more):
    """The request as it would be queued, less what was drawn by lot."""
    values = dict(wanted(body, kind, **more).values)
    values.pop("styles")
    if kind == "img2img":
        values["init_image"] = "a" * 64
        values["mask"] = "b" * 64
    return complete(values, NAMES, draw=lambda: 77)


def changed(request):
    plain = GenerationRequest()
    return {
        name: value
        for name, value in request.model_dump().items()
        if value != getattr(plain, name) and name not in ("init_image", "mask")
    }


def unlike_plain(values):
    plain = GenerationRequest().model_dump()
    return {name: value for name, value in values.items() if value != plain[name]}


def test_an_empty_request_has_the_defaults_that_clients_know():
    assert changed(fields()) == {
        "checkpoint": "first",
        "sampler": "Euler",
        "seed": 77,
        "steps": 50,
    }
    assert changed(fields({}, "img2img")) == {
        "checkpoint": "first",
        "sampler": "Euler",
        "seed": 77,
        "steps": 50,
        "denoising_strength": 0.75,
        "masked_content": "fill",
        "inpaint_area": "Only masked",
        "masked_padding": 0,
    }


def test_null_is_as_good_as_left_out():
    for kind in ("txt2img", "img2img"):
        empty = dict.fromkeys(schema(kind)["properties"])
        assert fields(empty, kind) == fields({}, kind)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"n_iter": 3, "batch_size": 2}, {"batch_count": 3, "batch_size": 2}),
        ({"sampler_name": "Euler a"}, {"sampler": "Euler a"}),
        ({"sampler_index": "k_lms"}, {"sampler": "LMS"}),
        ({"sampler_index": "LMS", "sampler_name": "Heun"}, {"sampler": "Heun"}),
        ({"sampler_name": "DPM++ 2M Karras"}, {"sampler": "DPM++ 2M", "schedule": "Karras"}),
        ({"scheduler": "sgm_uniform"}, {"schedule": "SGM Uniform"}),
        ({"subseed": 4, "subseed_strength": 0.5}, {"variation_seed": 4, "variation_strength": 0.5}),
        (
            {"seed_resize_from_w": 256, "seed_resize_from_h": 128},
            {"seed_resize_width": 256, "seed_resize_height": 128},
        ),
        ({"seed_resize_from_w": -1, "seed_resize_from_h": 0}, {}),
        ({"s_min_uncond": 2, "s_churn": 3}, {"ngms": 2.0, "s_churn": 3.0}),
        ({"steps": "20", "cfg_scale": 5}, {"steps": 20, "cfg_scale": 5.0}),
        (
            {
                "enable_hr": True,
                "hr_scale": 1.5,
                "hr_upscaler": "Lanczos",
                "hr_second_pass_steps": 7,
                "denoising_strength": 0.4,
                "hr_sampler_name": "Use same sampler",
                "hr_scheduler": "Karras",
                "hr_checkpoint_name": "other.safetensors",
                "hr_prompt": "more",
                "hr_cfg": 3,
            },
            {
                "hires": True,
                "hires_scale": 1.5,
                "hires_upscaler": "Lanczos",
                "hires_steps": 7,
                "denoising_strength": 0.4,
                "hires_schedule": "Karras",
                "hires_checkpoint": "other",
                "hires_prompt": "more",
                "hires_cfg_scale": 3.0,
            },
        ),
        (
            {"enable_hr": True, "firstphase_width": 256, "firstphase_height": 384}
            | {"width": 512, "height": 768},
            {"hires": True, "width": 256, "height": 384}
            | {"hires_width": 512, "hires_height": 768},
        ),
        (
            {"refiner_checkpoint": "other [0123456789]", "refiner_switch_at": 0.5},
            {"refiner_checkpoint": "other", "refiner_switch_at": 0.5},
        ),
        ({"refiner_checkpoint": "None", "hr_upscaler": None}, {}),
        ({"unknown": 1, "distilled_cfg_scale": 3.5, "sd_vae": "sharp"}, {}),
        ({"restore_faces": False, "script_name": "None", "script_args": []}, {}),
        ({"alwayson_scripts": {"ControlNet": {"args": []}, "other": {}}}, {}),
        ({"alwayson_scripts": {"ControlNet": {"args": [{"enabled": False, "image": "A"}]}}}, {}),
        ({"alwayson_scripts": {"ADetailer": {"args": [False, {"ad_model": "face"}]}}}, {}),
        (
            {"alwayson_scripts": {"Sampler": {"args": [7, "Heun", "Karras"]}}},
            {"steps": 7, "sampler": "Heun", "schedule": "Karras"},
        ),
        ({"alwayson_scripts": {"seed": {"args": [5, False, 6, 0.5]}}}, {"seed": 5}),
        (
            {"alwayson_scripts": {"Seed": {"args": [5, True, 6, 0.5, 0, 0]}}},
            {"seed": 5, "variation_seed": 6, "variation_strength": 0.5},
        ),
        (
            {"alwayson_scripts": {"Refiner": {"args": [True, "other", 0.6]}}},
            {"refiner_checkpoint": "other", "refiner_switch_at": 0.6},
        ),
        ({"alwayson_scripts": {"Refiner": {"args": [False, "other", 0.6]}}}, {}),
    ],
)
def test_entries_of_txt2img(body, expected):
    assert changed(fields(body)) == unlike_plain({**changed(fields()), **expected})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"resize_mode": 2}, {"resize_mode": "Resize and fill"}),
        ({"inpainting_fill": 1}, {"masked_content": "original"}),
        ({"inpainting_mask_invert": 1}, {"mask_mode": "Inpaint not masked"}),
        ({"inpainting_mask_invert": True}, {"mask_mode": "Inpaint not masked"}),
        ({"inpaint_full_res": False}, {"inpaint_area": "Whole picture"}),
        ({"inpaint_full_res": 0}, {"inpaint_area": "Whole picture"}),
        ({"inpaint_full_res_padding": 16}, {"masked_padding": 16}),
        ({"mask_blur": 9}, {"mask_blur": 9}),
        ({"mask_blur_x": 2, "mask_blur_y": 8}, {"mask_blur": 2, "mask_blur_y": 8}),
        ({"mask_blur_x": 7, "mask_blur_y": 7}, {"mask_blur": 7}),
        ({"mask_blur_y": 0}, {"mask_blur": 4, "mask_blur_y": 0}),
        ({"mask_blur": 1, "mask_blur_x": 2, "mask_blur_y": 8}, {"mask_blur": 1}),
        ({"mask_round": False}, {"mask_rounding": False}),
        ({"initial_noise_multiplier": 0.5}, {"noise_multiplier": 0.5}),
        ({"denoising_strength": 0.3}, {"denoising_strength": 0.3}),
        ({"outpaint_left": 64}, {"outpaint_left": 64, "inpaint_area": "Whole picture"}),
        (
            {"alwayson_scripts": {"Soft inpainting": {"args": [True, 2, 1]}}},
            {"soft_inpainting": True, "soft_schedule_bias": 2.0, "soft_preservation": 1.0},
        ),
    ],
)
def test_entries_of_img2img(body, expected):
    base = changed(fields({}, "img2img"))
    assert changed(fields(body, "img2img")) == unlike_plain({**base, **expected})


SETTINGS = {
    "sd_model_checkpoint": ("other.safetensors [0123456789]", "checkpoint", "other"),
    "sd_vae": ("sharp", "vae", "sharp"),
    "CLIP_stop_at_last_layers": (2, "clip_skip", 2),
    "eta_noise_seed_delta": (31337, "ensd", 31337),
    "randn_source": ("CPU", "noise_source", "CPU"),
    "img2img_fix_steps": (True, "exact_steps", True),
    "hires_fix_refiner_pass": ("first pass", "hires_refiner", "first"),
    "tiling": (True, "tiling", True),
}


@pytest.mark.parametrize("key", SETTINGS)
def test_a_setting_is_a_field_and_the_request_wins_over_it(key):
    given, field, value = SETTINGS[key]
    assert getattr(fields({"override_settings": {key: given}}), field) == value
    assert getattr(fields(own={key: given}), field) == value
    assert getattr(fields({"override_settings": {key: None}}), field) != value
    if key == "tiling":
        assert fields({"tiling": False, "override_settings": {key: True}}).tiling is False


def test_settings_that_mean_nothing_here_are_told_and_those_to_last_are_kept():
    body = {"override_settings": {"sd_vae": "None", "ui_color": 1}}
    assert wanted(body).ignored == ("ui_color",)
    assert wanted(body).lasting == {}
    body["override_settings_restore_afterwards"] = False
    assert wanted(body).lasting == {"sd_vae": "None"}
    assert fields(body).vae == "Automatic"


def test_the_eta_of_a_setting_is_for_its_kind_of_samplers():
    own = {"eta_ancestral": 0.5, "eta_ddim": 0.25}
    etas = [fields({"sampler_name": name}, own=own).eta for name in ("Euler a", "DDIM", "Euler")]
    assert etas == [0.5, 0.25, None]
    assert fields({"sampler_name": "DDIM", "eta": 0.1}, own=own).eta == 0.1
    assert fields({"sampler_name": "Euler a"}, own={"eta_ancestral": 1.0}).eta is None


def test_an_infotext_fills_what_the_request_does_not_say():
    said = {"prompt": "said", "seed": 9, "sampler": "Heun", "clip_skip": 2, "steps": 8}
    body = {"prompt": "own", "steps": 5, "override_settings": {"CLIP_stop_at_last_layers": 3}}
    request = fields(body, own={"CLIP_stop_at_last_layers": 4}, said=said)
    got = (request.prompt, request.steps, request.seed, request.sampler, request.clip_skip)
    assert got == ("own", 5, 9, "Heun", 3)
    assert fields({"sampler_index": "LMS"}, said=said).sampler == "LMS"
    assert fields({}, "img2img", said={"hires": True, "hires_scale": 3}).hires is False


def test_pictures_are_told_by_the_field_that_names_them():
    body = {"init_images": ["AAAA"], "mask": "BBBB", "firstpass_image": "CCCC"}
    begun = wanted(body, "img2img")
    assert (begun.starts, begun.pictures) == (("AAAA",), {"mask": "BBBB"})
    assert wanted(body).pictures == {}
    assert wanted({**body, "enable_hr": True}).pictures == {"first_pass": "CCCC"}
    assert wanted(body, "img2img").echo["init_images"] is None
    shown = wanted({**body, "include_init_images": True}, "img2img").echo
    assert (shown["init_images"], shown["mask"]) == (["AAAA"], "BBBB")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"override_settings": []}, "override_settings"),
        ({"alwayson_scripts": [1]}, "alwayson_scripts"),
        ({"alwayson_scripts": {"mine": {"args": [{"enabled": True}]}}}, "alwayson_scripts"),
        ({"override_settings": {"return_grid": "wide"}}, "override_settings.return_grid"),
        ({"override_settings": {"n_rows": 1000}}, "override_settings.n_rows"),
        ({"alwayson_scripts": {"Sampler": {"args": [1, 2, 3, 4]}}}, "alwayson_scripts"),
        ({"alwayson_scripts": {"soft inpainting": {"args": [True]}}}, "alwayson_scripts"),
        ({"script_name": "mine", "script_args": []}, "script_name"),
        ({"script_args": {}}, "script_args"),
        ({"restore_faces": True}, "restore_faces"),
        ({"save_images": "perhaps"}, "save_images"),
        ({"force_task_id": 5}, "force_task_id"),
    ],
)
def test_what_is_of_the_wrong_form_is_named(body, field):
    with pytest.raises(InvalidRequest) as refusal:
        wanted(body)
    assert [problem.field for problem in refusal.value.problems] == [field]


def test_too_many_start_pictures_and_a_latent_mask_are_refused():
    assert wanted({"init_images": ["A", "B"]}, "img2img").starts == ("A", "B")
    for body, field in (
        ({"init_images": ["A"] * 9}, "init_images"),
        ({"init_images": "A"}, "init_images"),
        ({"latent_mask": "A"}, "latent_mask"),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            wanted(body, "img2img")
        assert refusal.value.message.field == field


def upscaled(*args, kind="img2img", name="SD upscale"):
    body = {"script_name": name, "script_args": list(args)}
    found = read(body, kind, own={}, said={}, upscalers=NAMES.of_pictures()).values
    return {field: value for field, value in found.items() if field.startswith("tile_")}


@pytest.mark.parametrize(
    ("args", "overlap", "upscaler", "scale"),
    [
        ((), 64, "None", 2.0),
        (("", 16), 16, "None", 2.0),
        (("<p>words</p>", 32, 1, 1.5), 32, "Lanczos", 1.5),
        ((None, None, "lanczos", None), 64, "lanczos", 2.0),
    ],
)
def test_sd_upscale_with_what_is_left_out(args, overlap, upscaler, scale):
    wish = {"tile_overlap": overlap, "tile_upscaler": upscaler, "tile_scale": scale}
    for name in ("SD upscale", "sd Upscale "):
        assert upscaled(*args, name=name) == {"tile_upscale": True, **wish}


def test_arguments_of_sd_upscale_that_are_none():
    for args, kind, field in (
        (("", 64, 99), "img2img", "script_args"),
        (("", 64, 1, 2, 3), "img2img", "script_args"),
        ((), "txt2img", "script_name"),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            upscaled(*args, kind=kind)
        assert refusal.value.message.field == field
    assert entry_of("tile_overlap", {"script_name": "SD upscale"}) == "script_args"
    assert entry_of("tile_overlap", {"tile_overlap": 999}) == "tile_overlap"


def test_a_well_known_script_is_not_here_yet():
    with pytest.raises(NotYet):
        wanted({"script_name": "X/Y/Z plot", "script_args": [1]})


@pytest.mark.parametrize(
    ("field", "body", "entry"),
    [
        ("sampler", {"sampler_index": "x"}, "sampler_index"),
        ("sampler", {}, "sampler_name"),
        ("batch_count", {}, "n_iter"),
        ("hires_upscaler", {"hr_upscaler": "x"}, "hr_upscaler"),
        ("checkpoint", {"override_settings": {"sd_model_checkpoint": "x"}}, None),
        ("checkpoint", {}, "sd_model_checkpoint"),
        ("clip_skip", {"clip_skip": 99}, "clip_skip"),
        ("init_image", {}, "init_images"),
        ("mask_blur", {"mask_blur_x": 99}, "mask_blur_x"),
        ("styles", {}, "styles"),
    ],
)
def test_a_problem_names_the_entry_that_the_client_wrote(field, body, entry):
    assert entry_of(field, body) == (entry or "override_settings.sd_model_checkpoint")


def test_the_old_way_replaces_unknown_names_in_silence():
    body = {"sampler_name": "Sampler of 2031", "scheduler": "x", "styles": ["gone", "here"]}
    body |= {"restore_faces": True, "width": 517, "latent_mask": "A"}
    values = lenient(wanted(without_unsupported(body)).values, NAMES, ["here"])
    assert values["styles"] == ["here"]
    values.pop("styles")
    request = complete(values, NAMES)
    assert (request.sampler, request.schedule, request.width) == ("DPM++ 2M", "Automatic", 512)


def test_the_settings_that_are_shown_are_those_that_can_be_set():
    shown = options.defaults()
    known = {*options.FIELDS, *options.ETAS, *options.GRID}
    assert {key for key in shown if options.known(key)} == known
    values = options.values_of({key: shown[key] for key in options.FIELDS})
    assert complete(values, NAMES, draw=lambda: 0).model_dump() == {
        **GenerationRequest().model_dump(),
        "checkpoint": "first",
    }
