"""The merger tab: a form of our own that `assets/merge.js` fills and sends."""

from __future__ import annotations

from webui.ui.markup import Markup, button, element, joined, place, words

METHODS = {
    "weighted_sum": "merge.weighted_sum",
    "add_difference": "merge.add_difference",
    "none": "merge.none",
}
AVERAGES = {"keep": "merge.ema_keep", "drop": "merge.ema_drop", "use": "merge.ema_use"}
PRECISIONS = {"fp16": "fp16", "bf16": "bf16", "fp32": "fp32"}


def build_merge() -> None:
    """Places the form and the place for what becomes of it."""
    fields = joined(
        _field("primary", "merge.primary", element("select", name="primary")),
        _field("secondary", "merge.secondary", element("select", name="secondary")),
        _field("tertiary", "merge.tertiary", element("select", name="tertiary")),
        _field("method", "merge.method", _menu("method", METHODS)),
        _field("multiplier", "merge.multiplier", _multiplier()),
        _field(
            "blocks", "merge.blocks", element("textarea", name="blocks", rows="2"),
            hint="merge.blocks_hint",
        ),
        _field("base_alpha", "merge.base_alpha", element("input", **_number("base_alpha"))),
        _field("vae", "merge.vae", element("select", name="vae")),
        _field("precision", "merge.precision", _precision()),
        _field("averages", "merge.averages", _menu("averages", AVERAGES)),
        _field("name", "merge.name", element("input", type="text", name="name", maxlength="120")),
        _check("recipe", "merge.recipe"),
        _check("copy_metadata", "merge.copy_metadata"),
    )  # fmt: skip
    actions = element(
        "div",
        element(
            "button", data_i18n="merge.start", type="submit", id="ink-merge-start",
            class_="ink-button ink-main-button",
        ),
        button("merge.cancel", id="ink-merge-cancel", hidden="hidden"),
    )  # fmt: skip
    form = element("form", fields, actions, id="ink-merge-form", novalidate="novalidate")
    result = element("div", id="ink-merge-result", role="status")
    place(element("section", form, result, id="ink-merge"))


def _field(name: str, key: str, control: Markup, hint: str = "") -> Markup:
    below = words("small", hint, class_="ink-hint") if hint else Markup("")
    return element("label", words("span", key), control, below, class_="ink-plain", data_field=name)


def _menu(name: str, choices: dict[str, str]) -> Markup:
    options = (words("option", key, value=value) for value, key in choices.items())
    return element("select", *options, name=name)


def _precision() -> Markup:
    options = [element("option", text, value=value) for value, text in PRECISIONS.items()]
    return element(
        "select", *options, words("option", "merge.keep", value="keep"), name="precision"
    )


def _multiplier() -> Markup:
    return element("input", **_number("multiplier"), value="0.3")


def _number(name: str) -> dict[str, str]:
    low, high = ("0", "1") if name == "multiplier" else ("-1", "2")
    return {"type": "number", "name": name, "min": low, "max": high, "step": "0.05"}


def _check(name: str, key: str) -> Markup:
    box = element("input", type="checkbox", name=name, checked="checked")
    return element("label", box, words("span", key), class_="ink-check ink-plain", data_field=name)
