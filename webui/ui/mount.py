"""Puts the user interface and its files into the server's application."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from webui.core.request import PARAMETERS
from webui.ui import img2img
from webui.ui.bindings import FOLDS, choices_of, initial_value
from webui.ui.narrowing import OnlyNeeded
from webui.ui.page import PageHead, head_tags
from webui.ui.services import UiServices
from webui.ui.text import translations
from webui.ui.theme import theme

ASSETS = Path(__file__).parent / "assets"
ASSETS_PATH = "/ink"
"""Where our files are served; "/assets" belongs to Gradio's own."""

MODELS = frozenset({"checkpoints", "vaes", "upscalers", "picture_upscalers"})
"""Menus that change while the server runs; the page gets them with `models_json`."""

LOOK_SECONDS = 0.05
"""How often Gradio looks whether somebody pressed a button, as it does on Windows. Elsewhere it
looks a thousand times a second, which takes 6 % of a core day and night."""


class Assets(StaticFiles):
    """Our files; a browser keeps them but asks each time whether they changed."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, or 304 when the browser has it already."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def mount(app: FastAPI, blocks: gr.Blocks, services: UiServices) -> FastAPI:
    """Serves `blocks` at "/" and our files at `ASSETS_PATH`; routes added before stay in front."""
    app.mount(ASSETS_PATH, Assets(directory=ASSETS), name="assets")
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        show_error=False,
        i18n=translations(services.catalogues),
        theme=theme(),
        favicon_path=str(ASSETS / "icon.png"),
        root_path=services.subpath or None,
    )
    # There is no public way to say it.
    blocks._queue.sleep_when_free = blocks._queue.progress_update_sleep_when_free = LOOK_SECONDS
    for route in app.routes:
        if isinstance(route, Mount) and isinstance(route.app, gr.routes.App):
            route.app = OnlyNeeded(route.app)
    assets = services.subpath + ASSETS_PATH
    tags = head_tags(assets, services.version, page_data(services))
    app.add_middleware(PageHead, tags=tags, policy=services.policy)
    return app


def page_data(services: UiServices) -> str:
    """What the scripts need before they ask the server: languages and the table of parameters."""
    names = services.names()
    table = {
        name: {
            "kind": row.kind,
            "minimum": row.minimum,
            "maximum": row.maximum,
            "step": row.step,
            "default": initial_value(row, names),
            "group": row.group,
            "needs": list(row.needs),
            "empty": row.may_be_empty,
            "menu": row.choices,
            "choices": choices_of(names, row)
            if row.choices and row.choices not in MODELS
            else None,
        }
        for name, row in PARAMETERS.items()
        if row.shown
    }
    data = {
        "languages": list(services.catalogues),
        "parameters": table,
        "folds": dict(FOLDS),
        "img2img": img2img.page_data(),
        "base": services.subpath,
    }
    return json.dumps(data)
