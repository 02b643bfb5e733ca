"""The txt2img tab: prompt, settings, results."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from webui.ui.bindings import FOLDS, Form
from webui.ui.folds import folds
from webui.ui.markup import Markup, button, element, icon_button, joined, place, words
from webui.ui.pieces import problem_line, progress_bar, prompt_tools, queue, send_buttons
from webui.ui.text import t

PREFIX = "ink"


@dataclass(frozen=True)
class Txt2Img:
    """The buttons of the tab that do something on the server or with the form."""

    generate: gr.Button
    swap: gr.Button
    random_seed: gr.Button
    reuse_seed: gr.Button


def build_txt2img(form: Form) -> Txt2Img:
    """Places the tab's controls. On a narrow page the results stand between the two columns."""
    with gr.Row(elem_id="ink-desk"):
        with gr.Column(elem_id="ink-compose", min_width=0):
            form.place("prompt")
            form.place("negative_prompt")
            place(prompt_tools(PREFIX), "ink-prompt-tools-place")
            with gr.Row(elem_id="ink-actions"):
                generate = gr.Button(
                    t("button.generate"), variant="primary", elem_id="ink-generate", min_width=0
                )
                gr.Button(t("button.interrupt"), elem_id="ink-interrupt", min_width=0)
                gr.Button(t("button.skip"), elem_id="ink-skip", min_width=0)
            place(_notices())
        with gr.Column(elem_id="ink-results", min_width=0):
            place(_results())
        with gr.Column(elem_id="ink-settings", min_width=0):
            buttons = _settings(form)
    swap, random_seed, reuse_seed = buttons
    return Txt2Img(generate, swap, random_seed, reuse_seed)


def _settings(form: Form) -> tuple[gr.Button, gr.Button, gr.Button]:
    with gr.Row(elem_classes="ink-row"):
        form.place("sampler")
        form.place("schedule")
    with gr.Row(elem_classes="ink-row"):
        form.place("steps")
        form.place("cfg_scale")
    with gr.Row(elem_classes=["ink-row", "ink-row-tool"]):
        form.place("width")
        swap = _icon("swap")
        form.place("height")
    with gr.Row(elem_classes="ink-row"):
        form.place("batch_count")
        form.place("batch_size")
    with gr.Row(elem_classes=["ink-row", "ink-row-seed"]):
        form.place("seed")
        random_seed = _icon("random_seed")
        reuse_seed = _icon("reuse_seed")
    place(folds(PREFIX, FOLDS), "ink-folds")
    return swap, random_seed, reuse_seed


def _icon(name: str) -> gr.Button:
    return gr.Button(
        t(f"button.{name}"),
        elem_id=f"ink-{name}".replace("_", "-"),
        elem_classes=["ink-icon", f"ink-icon-{name}".replace("_", "-")],
        min_width=0,
        scale=0,
    )


def _notices() -> Markup:
    suggestion = element(
        "p", element("span"), button("button.use_defaults"), id="ink-suggestion", hidden="hidden"
    )
    return joined(problem_line(PREFIX), suggestion)


def _results() -> Markup:
    stage = element(
        "div",
        element("button", type="button", id="ink-stage-open", data_i18n_label="button.open"),
        _welcome(),
        id="ink-stage", data_state="empty",
    )  # fmt: skip
    gallery = element("div", id="ink-gallery", role="list", data_i18n_label="label.results")
    tools = element(
        "div",
        button("button.reuse_settings", data_action="settings"),
        button("button.reuse_this_seed", data_action="seed"),
        icon_button("hires", "button.hires", data_action="hires"),
        element("span", class_="ink-space"),
        icon_button("copy", "button.copy_infotext", data_action="copy"),
        icon_button("open", "button.open", data_action="open"),
        icon_button("download", "button.download", data_action="download"),
        send_buttons(),
        id="ink-picture-tools", hidden="hidden",
    )  # fmt: skip
    unsaved = element("p", id="ink-unsaved", role="alert", hidden="hidden")
    infotext = element("pre", id="ink-infotext", hidden="hidden", tabindex="0")
    return joined(progress_bar(PREFIX), stage, gallery, tools, unsaved, infotext, queue(PREFIX))


def _welcome() -> Markup:
    return element(
        "div",
        words("p", "welcome.title", class_="ink-welcome-title"),
        element("div", id="ink-examples"),
        element("p", id="ink-about", class_="ink-hint"),
        id="ink-welcome",
    )
