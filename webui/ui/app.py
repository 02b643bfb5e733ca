"""The page: header, tabs, and what connects them."""

from __future__ import annotations

import gradio as gr

from webui.ui.actions import connect_browser, connect_models, connect_submit
from webui.ui.bindings import controls
from webui.ui.extras import build_extras
from webui.ui.header import build_header
from webui.ui.history import build_history
from webui.ui.img2img import build_img2img
from webui.ui.merge import build_merge
from webui.ui.png_info import build_png_info
from webui.ui.services import UiServices
from webui.ui.text import t
from webui.ui.txt2img import build_txt2img


def build(services: UiServices) -> gr.Blocks:
    """The whole user interface; `webui.ui.mount` puts it into the server's application."""
    blocks = gr.Blocks(title="Inkstone 砚", analytics_enabled=False, fill_width=True)
    with blocks:
        form = controls(services.names())
        header = build_header(form, services.catalogues)
        with gr.Tabs(elem_id="ink-tabs"):
            with gr.Tab(t("tab.txt2img"), id="txt2img", elem_id="ink-tab-txt2img"):
                tab = build_txt2img(form)
            with gr.Tab(t("tab.img2img"), id="img2img", elem_id="ink-tab-img2img"):
                build_img2img()
            with gr.Tab(t("tab.extras"), id="extras", elem_id="ink-tab-extras"):
                build_extras()
            with gr.Tab(t("tab.history"), id="history", elem_id="ink-tab-history"):
                build_history()
            with gr.Tab(t("tab.info"), id="info", elem_id="ink-tab-info"):
                build_png_info()
            with gr.Tab(t("tab.merge"), id="merge", elem_id="ink-tab-merge"):
                build_merge()
        connect_submit(form, tab.generate, services)
        connect_models(blocks, form["checkpoint"], header.refresh, services)
        connect_browser(blocks, form, tab)
    return blocks
