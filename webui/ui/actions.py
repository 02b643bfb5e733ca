"""What the form's buttons do: on the server (submit, refresh) and in the browser (the rest)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, cast

import gradio as gr
from gradio.components import Component
from starlette.requests import Request

from webui.core.errors import InkstoneError, InvalidRequest
from webui.core.request import PARAMETERS
from webui.core.validation import complete
from webui.ui.bindings import Form, choices_of, menu_of
from webui.ui.services import Model, UiServices
from webui.ui.txt2img import Txt2Img

FAMILIES: Mapping[str, str] = MappingProxyType(
    {"sd1": "SD1", "sd2": "SD2", "sdxl": "SDXL", "sdxl_refiner": "SDXL Refiner"}
)
"""What people call the families; names are not translated."""

DISTILLED: Mapping[str, str] = MappingProxyType({"lcm": "LCM", "dmd": "DMD", "tcd": "TCD"})
"""Distillations that are written otherwise than as words."""

FOLDED: Mapping[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
}
"""Gradio's own queue and progress are not used: jobs have a queue of ours."""


def connect_submit(form: Form, generate: gr.Button, services: UiServices) -> None:
    """Generate always enqueues; the outcome goes to the browser's part as JSON."""
    form.place_more()
    outcome = gr.Textbox(visible="hidden", elem_id="ink-outcome")
    clicked = generate.click(
        submit_handler(form, services),
        inputs={*form.inputs, form.more},
        outputs=outcome,
        js=f"(...values) => window.inkstone.collect({json.dumps(list(form.controls))}, values)",
        trigger_mode="multiple",
        **FOLDED,
    )
    clicked.then(None, [outcome], None, js="(text) => window.inkstone.submitted(text)", **FOLDED)


def submit_handler(
    form: Form, services: UiServices
) -> Callable[[dict[Component, Any], gr.Request], str]:
    """The handler of Generate: JSON with the job's id, or with one problem per faulty field."""

    def submit(data: dict[Component, Any], request: gr.Request) -> str:
        browser = cast(Request, request.request)
        try:
            complete_request = complete(services.merge(form.values(data)), services.names())
            job = services.submit(services.owner_of(browser), complete_request)
        except InvalidRequest as error:
            problems = error.problems
        except InkstoneError as error:
            problems = (error.message,)
        else:
            return json.dumps({"job": job, "problems": []})
        language = services.language_of(browser)
        texts = [
            {**problem.to_json(), "text": services.translate(problem, language)}
            for problem in problems
        ]
        return json.dumps({"job": None, "problems": texts})

    return submit


def connect_models(
    blocks: gr.Blocks, checkpoint: Component, refresh: gr.Button, services: UiServices
) -> None:
    """Menus of models are read when a page opens and when the refresh button is pressed."""
    table = gr.Textbox(visible="hidden", elem_id="ink-models")

    def offered() -> tuple[object, str]:
        menu = checkpoint_menu(services)
        return gr.update(choices=menu), models_json(services)

    def refreshed() -> tuple[object, str]:
        services.refresh()
        return offered()

    outputs = [checkpoint, table]
    tell = "(text) => window.inkstone.models(text)"
    for event in (
        blocks.load(offered, None, outputs, **FOLDED),
        refresh.click(refreshed, None, outputs, **FOLDED),
    ):
        event.then(None, [table], None, js=tell, **FOLDED)


def checkpoint_menu(services: UiServices) -> list[tuple[str, str]]:
    """Rows of the menu of checkpoints: the name with the family behind it, and the name."""
    titles = {model.name: title_of(model) for model in services.models()}
    menu = menu_of(choices_of(services.names(), PARAMETERS["checkpoint"]))
    return [(titles.get(name, text), name) for text, name in menu]


def title_of(model: Model) -> str:
    """What menus call a model: its name, the family and the distillation."""
    family = FAMILIES.get(model.family)
    fast = DISTILLED.get(model.distilled, model.distilled.capitalize())
    return " · ".join(filter(None, (model.name, f"{family} {fast}".strip() if family else "")))


def models_json(services: UiServices) -> str:
    """What the browser knows about the models: native size, defaults and own words by name."""
    models = services.models()
    checkpoints = {
        model.name: {
            "width": model.native_size[0],
            "height": model.native_size[1],
            **model.defaults,
        }
        for model in models
    }
    about = {
        model.name: {
            "about": dict(model.about),
            "examples": dict(model.examples),
            "variant": model.variant,
        }
        for model in models
    }
    vaes = choices_of(services.names(), PARAMETERS["vae"])
    upscalers = choices_of(services.names(), PARAMETERS["hires_upscaler"])
    of_pictures = choices_of(services.names(), PARAMETERS["tile_upscaler"])
    titles = {model.name: title_of(model) for model in models}
    table = {
        "checkpoints": checkpoints,
        "vaes": vaes,
        "upscalers": upscalers,
        "picture_upscalers": of_pictures,
        "about": about,
        "titles": titles,
    }
    return json.dumps(table)


def connect_browser(blocks: gr.Blocks, form: Form, tab: Txt2Img) -> None:
    """What needs no server: remembering the form, filling it, swapping, seeds."""
    fields = form.inputs
    names = json.dumps(list(form.controls))
    fill = f"(...values) => window.inkstone.fill({names}, values)"
    keep = f"(...values) => window.inkstone.keep({names}, values)"
    apply = gr.Button(visible="hidden", elem_id="ink-apply")
    apply.click(None, fields, fields, js=fill, **FOLDED)
    blocks.load(None, fields, fields, js=fill, **FOLDED)
    gr.on([cast(Any, field).change for field in fields], None, fields, None, js=keep, **FOLDED)
    size = [form["width"], form["height"]]
    tab.swap.click(None, size, size, js="(width, height) => [height, width]", **FOLDED)
    seed = form["seed"]
    tab.random_seed.click(None, None, seed, js="() => -1", **FOLDED)
    tab.reuse_seed.click(None, seed, seed, js="(seed) => window.inkstone.lastSeed(seed)", **FOLDED)
