"""The sections of the settings that open and close: containers that `assets/folds.js` fills.

Gradio's accordion draws its fields only once it was opened: a message about such a field would
have no place before.
"""

from __future__ import annotations

from collections.abc import Iterable

from webui.ui.markup import Markup, element, joined


def folds(prefix: str, names: Iterable[str]) -> Markup:
    """The sections of a form, closed and empty. Ids begin with `prefix`."""
    return joined(*(_fold(prefix, name) for name in names))


def _fold(prefix: str, name: str) -> Markup:
    toggle = element(
        "button",
        element("span", data_i18n=f"label.{name}"),
        element("span", class_="ink-fold-summary"),
        type="button", id=f"{prefix}-{name}-toggle", class_="ink-fold-toggle",
        aria_controls=f"{prefix}-{name}-body", aria_expanded="false",
    )  # fmt: skip
    head = element("div", toggle, class_="ink-fold-head")
    body = element("div", id=f"{prefix}-{name}-body", class_="ink-fold-body")
    return element("section", head, body, class_="ink-fold", data_fold=name)
