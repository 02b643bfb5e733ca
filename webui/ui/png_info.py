"""The picture information tab: a place for a picture, and what it says about itself."""

from __future__ import annotations

from webui.ui.markup import element, place, words


def build_png_info() -> None:
    """Places the containers; `assets/png_info.js` fills them."""
    drop = element(
        "label",
        element("img", alt="", hidden="hidden"),
        words("span", "info.drop", class_="ink-hint"),
        element("input", type="file", accept="image/*", class_="ink-hidden-input"),
        id="ink-info-drop",
    )
    result = element("div", id="ink-info-result", aria_live="polite")
    place(element("section", drop, result, id="ink-info"))
