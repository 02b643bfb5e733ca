"""Small pieces of HTML for the containers that our scripts fill.

Visible words are keys in `data-i18n` (text) or `data-i18n-label` (accessible name and
tooltip); the scripts put in the words. Text is escaped; pieces made here are not escaped twice.
"""

from __future__ import annotations

from html import escape

import gradio as gr

VOID = frozenset({"input", "img", "br"})


class Markup(str):
    """HTML that is already escaped."""

    __slots__ = ()


def joined(*parts: Markup) -> Markup:
    """Elements side by side."""
    return Markup("".join(parts))


def element(tag: str, *children: str, **attributes: str) -> Markup:
    """One element. Attribute names: `class_` for class, underscores for hyphens."""
    names = ((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items())
    opening = "".join(f' {name}="{escape(value)}"' for name, value in names)
    if tag in VOID:
        return Markup(f"<{tag}{opening}>")
    inner = "".join(c if isinstance(c, Markup) else escape(c) for c in children)
    return Markup(f"<{tag}{opening}>{inner}</{tag}>")


def words(tag: str, key: str, **attributes: str) -> Markup:
    """An element whose text is the catalogue's text for `key`."""
    return element(tag, data_i18n=key, **attributes)


def button(key: str, **attributes: str) -> Markup:
    """A button with words."""
    return element("button", data_i18n=key, type="button", class_="ink-button", **attributes)


def icon_button(icon: str, key: str, **attributes: str) -> Markup:
    """A button with an icon; `key` is its accessible name and tooltip."""
    classes = f"ink-icon-button ink-icon-{icon}"
    return element("button", data_i18n_label=key, type="button", class_=classes, **attributes)


def switch(name: str, keys: dict[str, str], chosen: str) -> Markup:
    """A small switch of several buttons; value -> key. The chosen one is pressed."""
    parts = [
        element(
            "button", data_i18n=key, type="button", data_value=value,
            aria_pressed=str(value == chosen).lower(),
        )
        for value, key in keys.items()
    ]  # fmt: skip
    return element("span", *parts, class_="ink-switch", role="group", id=name)


def place(markup: Markup, element_id: str | None = None) -> None:
    """Puts HTML into the page without Gradio's styles and click events."""
    gr.HTML(markup, elem_id=element_id, js_on_load=None, apply_default_css=False)
