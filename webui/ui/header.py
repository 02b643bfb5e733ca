"""The line on top: name, checkpoint, worker, language, light or dark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import gradio as gr

from webui.ui.bindings import Form
from webui.ui.markup import Markup, element, icon_button, joined, place
from webui.ui.text import t


@dataclass(frozen=True)
class Header:
    """What the tabs need of the header."""

    refresh: gr.Button


def build_header(form: Form, catalogues: Mapping[str, Mapping[str, str]]) -> Header:
    """Places the header, with the form's menu of checkpoints in it."""
    with gr.Row(elem_id="ink-header"):
        place(_brand(), "ink-brand")
        with gr.Row(elem_id="ink-model"):
            form.place("checkpoint")
            refresh = gr.Button(
                t("button.refresh"),
                elem_id="ink-refresh",
                elem_classes=["ink-icon", "ink-icon-refresh"],
                min_width=0,
            )
            place(
                icon_button("add", "button.add_model", id="ink-add-model", hidden="hidden"),
                "ink-add-place",
            )
        place(_tools(catalogues), "ink-tools")
    place(element("div", id="ink-banner", role="alert", hidden="hidden"), "ink-banner-place")
    return Header(refresh)


def _brand() -> Markup:
    stamp = element("span", "砚", class_="ink-stamp", lang="zh-CN", aria_hidden="true")
    return element("span", element("b", "Inkstone"), stamp, class_="ink-wordmark")


def _tools(catalogues: Mapping[str, Mapping[str, str]]) -> Markup:
    options = [
        element("option", texts.get("language.name", code), value=code, lang=code)
        for code, texts in catalogues.items()
    ]
    return joined(
        element(
            "span",
            element("span", class_="ink-dot"),
            element("span", class_="ink-chip-text"),
            id="ink-worker", class_="ink-chip", role="status", data_state="starting",
        ),
        element("select", *options, id="ink-language", data_i18n_label="label.language"),
        icon_button("moon", "button.theme", id="ink-theme"),
        icon_button("account", "button.account", id="ink-account", hidden="hidden"),
        icon_button("leave", "button.leave", id="ink-leave", hidden="hidden"),
    )  # fmt: skip
