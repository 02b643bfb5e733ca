"""The sections of the settings that open and close: containers that `assets/plain.js` fills.

Gradio's accordion draws its fields only once it was opened: a message about such a field would
have no place before.
"""

from __future__ import annotations

from webui.ui.bindings import FOLDS
from webui.ui.markup import Markup, element, joined, place


def build_folds() -> None:
    """Places all sections, closed and empty."""
    place(joined(*(_fold(name) for name in FOLDS)), "ink-folds")


def _fold(name: str) -> Markup:
    toggle = element(
        "button",
        element("span", data_i18n=f"label.{name}"),
        element("span", class_="ink-fold-summary"),
        type="button", id=f"ink-{name}-toggle", class_="ink-fold-toggle",
        aria_controls=f"ink-{name}-body", aria_expanded="false",
    )  # fmt: skip
    head = element("div", toggle, class_="ink-fold-head")
    body = element("div", id=f"ink-{name}-body", class_="ink-fold-body")
    return element("section", head, body, class_="ink-fold", data_fold=name)
