"""The extras tab: finished pictures made larger; `assets/extras/` brings it to life."""

from __future__ import annotations

from webui.core.enlarging import LARGEST_FACTOR, LARGEST_SIDE
from webui.ui.markup import Markup, button, element, icon_button, joined, place, switch, words
from webui.ui.pieces import queue, start_buttons

PREFIX = "ink-extras"

SOURCES = {
    "single": "extras.single",
    "batch": "extras.batch",
    "folder": "extras.folder",
}
MODES = {"factor": "extras.by_factor", "size": "extras.to_size"}


def build_extras() -> None:
    """Places form and containers; the scripts are fetched when the tab is first opened."""
    left = element("div", _sources(), _results(), class_="ink-extras-work")
    right = element(
        "div",
        start_buttons(PREFIX, "extras.start"),
        _settings(),
        queue(PREFIX),
        class_="ink-extras-settings",
    )
    place(element("section", left, right, id=PREFIX))


def _sources() -> Markup:
    bar = element("div", switch(f"{PREFIX}-sources", SOURCES, "single"), class_="ink-mode-bar")
    drop = element(
        "label",
        element("img", alt="", hidden="hidden"),
        words("span", "extras.drop", class_="ink-hint"),
        element(
            "input", type="file", accept="image/*", class_="ink-hidden-input",
            id=f"{PREFIX}-files", multiple="multiple",
        ),
        id=f"{PREFIX}-drop", class_="ink-batch-drop",
    )  # fmt: skip
    folder = element(
        "div",
        element(
            "input", type="text", autocomplete="off", spellcheck="false", id=f"{PREFIX}-path",
            data_i18n_placeholder="extras.path", data_i18n_label="extras.path",
        ),
        button("extras.list", id=f"{PREFIX}-list"),
        id=f"{PREFIX}-folder", class_="ink-plain ink-batch-folder", hidden="hidden",
    )  # fmt: skip
    batch = element(
        "div",
        element("span", class_="ink-count", role="status", id=f"{PREFIX}-count"),
        element("span", class_="ink-space"),
        button("img2img.batch_stop", id=f"{PREFIX}-stop"),
        button("img2img.batch_clear", id=f"{PREFIX}-clear"),
        class_="ink-tools", id=f"{PREFIX}-batch", hidden="hidden",
    )  # fmt: skip
    rows = element("div", id=f"{PREFIX}-rows")
    problem = element("div", id=f"{PREFIX}-picture")
    return element("div", bar, drop, folder, problem, batch, rows, class_="ink-extras-sources")


def _results() -> Markup:
    tools = element(
        "div",
        words("span", "img2img.send_to", class_="ink-hint"),
        button("img2img.mode_img2img", data_action="img2img"),
        button("img2img.mode_inpaint", data_action="inpaint"),
        button("extras.title", data_action="extras"),
        element("span", class_="ink-space"),
        button("extras.actual_size", data_action="zoom", aria_pressed="false"),
        icon_button("open", "button.open", data_action="open"),
        icon_button("download", "button.download", data_action="download"),
        class_="ink-tools", id=f"{PREFIX}-tools", hidden="hidden",
    )  # fmt: skip
    shown = element("div", class_="ink-pair", id=f"{PREFIX}-shown", hidden="hidden")
    strip = element(
        "div", class_="ink-strip", role="list", id=f"{PREFIX}-strip",
        data_i18n_label="img2img.results",
    )  # fmt: skip
    text = element("pre", class_="ink-infotext", tabindex="0", id=f"{PREFIX}-text", hidden="hidden")
    return element("div", shown, tools, text, strip, class_="ink-extras-results")


def _settings() -> Markup:
    size = element(
        "div",
        _field("width", "param.width", _number("width", 64, LARGEST_SIDE, 8, "1024")),
        _field("height", "param.height", _number("height", 64, LARGEST_SIDE, 8, "1024")),
        element(
            "label",
            element("input", type="checkbox", name="crop", checked="checked"),
            words("span", "extras.crop"),
            class_="ink-check ink-plain", data_field="crop",
        ),
        data_mode="size", class_="ink-extras-fields",
    )  # fmt: skip
    factor = element(
        "div",
        _field("factor", "extras.factor", _number("factor", 1, int(LARGEST_FACTOR), 0.05, "2")),
        data_mode="factor", class_="ink-extras-fields",
    )  # fmt: skip
    fields = joined(
        switch(f"{PREFIX}-modes", MODES, "factor"),
        factor,
        size,
        element("p", class_="ink-hint", role="status", id=f"{PREFIX}-outcome", hidden="hidden"),
        _field("upscaler_1", "extras.upscaler_1", element("select", name="upscaler_1")),
        _field("upscaler_2", "extras.upscaler_2", element("select", name="upscaler_2")),
        _field("visibility", "extras.visibility", _number("visibility", 0, 1, 0.05, "0.5")),
    )
    return element("form", fields, id=f"{PREFIX}-form", novalidate="novalidate")


def _field(name: str, key: str, control: Markup) -> Markup:
    return element(
        "label", words("span", key), control, class_="ink-plain", data_field=name,
        id=f"{PREFIX}-{name}",
    )  # fmt: skip


def _number(name: str, low: int, high: int, step: float, value: str) -> Markup:
    return element(
        "input", type="number", name=name, min=str(low), max=str(high), step=str(step), value=value
    )
