"""The Python side of the page, without a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from webui.core.errors import InkstoneError, Message
from webui.core.events import Phase
from webui.core.request import PARAMETERS, GenerationRequest
from webui.core.validation import Names
from webui.http.policies import page_policy
from webui.services.localisation import Localiser
from webui.ui import img2img
from webui.ui.actions import checkpoint_menu, models_json, submit_handler
from webui.ui.bindings import FOLDS, controls, initial_value
from webui.ui.markup import element, switch
from webui.ui.mount import ASSETS, page_data
from webui.ui.page import PageHead, head_tags
from webui.ui.services import UiServices
from webui.ui.text import translations

NAMES = Names(checkpoints=("starter", "other"), vaes=("soft",))
LOCALISER = Localiser()
UI = Path(ASSETS).parent


def merge(values: Mapping[str, Any]) -> dict[str, Any]:
    """Stands for the styles of a server: each is a word after the prompt."""
    filled = dict(values)
    filled["prompt"] = ", ".join([filled["prompt"], *filled.pop("styles", [])])
    return filled


def make_services(submit: Any) -> UiServices:
    model = SimpleNamespace(
        name="starter",
        family="sdxl",
        variant="base",
        distilled="lcm",
        native_size=(128, 192),
        defaults={"steps": 12},
        about={"en": "small"},
        examples={"en": ("a cup",)},
    )
    return UiServices(
        catalogues=LOCALISER.catalogues,
        names=lambda: NAMES,
        refresh=lambda: None,
        models=lambda: [model],
        merge=merge,
        submit=submit,
        owner_of=lambda request: request.headers["owner"],
        language_of=lambda request: request.headers["language"],
        translate=LOCALISER.message,
        policy=page_policy,
        version="1",
    )


def browser(language: str = "en") -> Any:
    headers = [(b"owner", b"ann"), (b"language", language.encode())]
    return SimpleNamespace(request=Request({"type": "http", "headers": headers}))


def press_generate(values: dict[str, Any], submit: Any, language: str = "en") -> dict[str, Any]:
    form = controls(NAMES)
    data = {
        control: values.get(name, initial_value(PARAMETERS[name], NAMES))
        for name, control in form.controls.items()
    }
    beside = {name: value for name, value in values.items() if name not in form.controls}
    data[form.more] = beside.pop("more", json.dumps(beside))
    handler = submit_handler(form, make_services(submit))
    return dict(json.loads(handler(data, browser(language))))


def test_every_field_that_is_shown_has_one_place() -> None:
    folded = [name for names in FOLDS.values() for name in names]
    pictures = {"img2img", "inpaint", "soft", "outpaint", "tiles"}
    shown = {name: row.group for name, row in PARAMETERS.items() if row.shown}
    of_txt2img = sorted(name for name, group in shown.items() if group not in pictures)
    assert sorted([*controls(NAMES).controls, *folded]) == of_txt2img
    folded = [name for names in img2img.FOLDS.values() for name in names]
    elsewhere = {"checkpoint", "hires_refiner"}  # in the header; there is no hires pass
    of_img2img = {name for name, group in shown.items() if group != "hires"} - elsewhere
    assert sorted([*img2img.FIELDS, *folded]) == sorted({*of_img2img, "denoising_strength"})


def test_generate_submits_what_the_form_says_for_its_owner() -> None:
    submitted: list[tuple[str, GenerationRequest]] = []

    def submit(owner: str, request: GenerationRequest) -> str:
        submitted.append((owner, request))
        return "job-1"

    values = {"prompt": "猫", "steps": 7, "seed": 5, "cfg_scale": 4, "eta": 0.5, "vae": "soft"}
    assert press_generate(values, submit) == {"job": "job-1", "problems": []}
    [(owner, request)] = submitted
    assert owner == "ann"
    assert request.model_dump(include=set(values)) == values
    assert request.checkpoint == "starter"


def test_folded_fields_and_styles_come_beside_the_controls() -> None:
    submitted: list[GenerationRequest] = []

    def submit(owner: str, request: GenerationRequest) -> str:
        submitted.append(request)
        return "job"

    beside = {"hires": True, "hires_scale": 1.5, "hires_cfg_scale": None, "hires_sampler": ""}
    press_generate({"prompt": "猫", **beside, "styles": ["oil"], "steps": 3}, submit)
    [request] = submitted
    assert request.model_dump(include=set(beside)) == beside
    assert (request.prompt, request.steps) == ("猫, oil", 3)


@pytest.mark.parametrize("more", ["", "[1]", "{", "[" * 100_000, '{"owner": "bob"}'])
def test_what_comes_beside_the_controls_is_checked(more: str) -> None:
    outcome = press_generate({"more": more}, lambda owner, request: "job")
    assert bool(outcome["problems"]) == bool(more)


def test_a_form_left_alone_draws_a_seed() -> None:
    seeds: set[int] = set()

    def submit(owner: str, request: GenerationRequest) -> str:
        seeds.add(request.seed)
        return "job"

    for _ in range(4):
        press_generate({}, submit)
    assert len(seeds) == 4
    assert min(seeds) >= 0


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_problems_come_with_field_and_text(language: str) -> None:
    def submit(owner: str, request: GenerationRequest) -> str:
        raise AssertionError("a faulty request must not be submitted")

    outcome = press_generate({"steps": 0, "sampler": "Eulr", "width": None}, submit, language)
    assert outcome["job"] is None
    assert {problem["field"] for problem in outcome["problems"]} == {"steps", "sampler", "width"}
    for problem in outcome["problems"]:
        expected = LOCALISER.message(Message.from_json(problem), language)
        assert problem["text"] == expected != problem["key"]


def test_an_error_of_the_server_has_no_field() -> None:
    def submit(owner: str, request: GenerationRequest) -> str:
        raise InkstoneError("error.read_only", path="/x")

    [problem] = press_generate({}, submit)["problems"]
    assert (problem["key"], problem["field"]) == ("error.read_only", None)


def test_models_carry_size_and_defaults() -> None:
    table = json.loads(models_json(make_services(None)))
    assert {"Latent", "Lanczos"} < set(table.pop("upscalers"))
    assert table == {
        "checkpoints": {"starter": {"width": 128, "height": 192, "steps": 12}},
        "vaes": ["Automatic", "soft"],
        "about": {
            "starter": {"about": {"en": "small"}, "examples": {"en": ["a cup"]}, "variant": "base"}
        },
        "titles": {"starter": "starter · SDXL LCM"},
        "picture_upscalers": ["None", "Lanczos", "Nearest"],
    }


def test_the_menu_of_checkpoints_tells_their_family() -> None:
    menu = checkpoint_menu(make_services(None))
    assert menu == [("starter · SDXL LCM", "starter"), ("other", "other")]


def test_markup_is_escaped_once() -> None:
    inner = element("b", "a < b & c")
    outer = element("p", inner, " > ", class_="x", data_i18n='"quoted"')
    assert outer == (
        '<p class="x" data-i18n="&quot;quoted&quot;"><b>a &lt; b &amp; c</b> &gt; </p>'
    )
    assert 'aria-pressed="true"' in switch("s", {"one": "k.one", "two": "k.two"}, "two")


def test_head_tags_go_into_the_page_only() -> None:
    page = "<html><head><title>x</title></head></html>"
    routes = [
        Route("/", lambda request: HTMLResponse(page)),
        Route("/other", lambda request: HTMLResponse(page)),
        Route("/text", lambda request: PlainTextResponse("<head>")),
    ]
    app = Starlette(routes=routes)
    app.add_middleware(PageHead, tags="<link>字", policy=lambda html: f"{len(html)}")
    client = TestClient(app)
    answer = client.get("/", headers={"accept-encoding": "gzip"})
    assert answer.text == page.replace("<head>", "<head><link>字")
    length = answer.headers["content-length"]
    assert int(length) == len(answer.content)
    assert answer.headers["content-security-policy"] == length  # of the page as it is sent
    assert client.get("/other").text == page
    assert client.get("/text").text == "<head>"


def test_an_error_behind_the_page_is_not_swallowed() -> None:
    def broken(request: Request) -> HTMLResponse:
        raise RuntimeError("gone")

    app = Starlette(routes=[Route("/", broken)])
    app.add_middleware(PageHead, tags="", policy=page_policy)
    with pytest.raises(RuntimeError, match="gone"):
        TestClient(app).get("/")


def test_page_data_cannot_end_its_script() -> None:
    tags = head_tags("/ink", "1", json.dumps({"x": "</script><script>alert(1)"}))
    assert tags.count("</script>") == 3
    assert "alert(1)" in tags


def test_page_data_has_limits_and_menus_of_every_parameter() -> None:
    data = json.loads(page_data(make_services(None)))
    assert data["languages"][0] == "en"
    assert set(data["parameters"]) == {name for name, row in PARAMETERS.items() if row.shown}
    assert data["parameters"]["width"]["maximum"] == PARAMETERS["width"].maximum
    assert "Euler a" in data["parameters"]["sampler"]["choices"]
    assert data["parameters"]["seed"]["default"] == -1


def test_labels_leave_sentences_with_blanks_to_the_scripts() -> None:
    catalogues = {"en": {"a": "word", "b": "{count} words"}}
    assert translations(catalogues).translations_dict == {"en": {"a": "word"}}


def used_keys() -> set[str]:
    """Keys in calls like t("…"), in data-i18n attributes and in button("…") of our sources."""
    found: set[str] = set()
    for path in [*UI.glob("assets/*.js"), *UI.glob("*.py")]:
        text = path.read_text(encoding="utf-8")
        calls = (
            r'(?:\bt|words|button|inline)\(\s*(?:"[a-z0-9]+",\s*)?"([a-z0-9_]+(?:\.[a-z0-9_]+)+)"'
        )
        found |= set(re.findall(calls, text))
        found |= set(re.findall(r'data_i18n\w*="([a-z0-9_.]+)"', text))
        found |= set(re.findall(r'key: "([a-z0-9_.]+)"', text))
    return found


def test_every_key_that_the_page_uses_has_words() -> None:
    computed = {f"phase.{phase}" for phase in get_args(Phase)}
    computed |= {parameter.label for parameter in PARAMETERS.values()}
    computed |= {
        f"worker.{s}" for s in ("starting", "ready", "busy", "restarting", "failed", "offline")
    }
    keys = used_keys() | computed
    assert len(keys) > 60
    for language, texts in LOCALISER.catalogues.items():
        assert sorted(key for key in keys if key not in texts) == [], language
