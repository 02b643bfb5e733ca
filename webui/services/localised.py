"""Fills the viewer's language into views: every stored message gets its text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webui.core.errors import Message
from webui.services.localisation import Localiser

MESSAGE_FIELDS = frozenset({"error", "message", "unsaved"})


def localised(view: Any, localiser: Localiser, language: str) -> Any:
    """A copy of a view (JSON) in which messages carry a `text` in this language."""
    if isinstance(view, list):
        return [localised(item, localiser, language) for item in view]
    if not isinstance(view, Mapping):
        return view
    filled: dict[str, Any] = {}
    for name, value in view.items():
        if name in MESSAGE_FIELDS and isinstance(value, Mapping) and "key" in value:
            text = localiser.message(Message.from_json(value), language)
            filled[name] = {**value, "text": text}
        elif name in ("request", "settings"):
            filled[name] = value  # the person's own words; never ours to translate
        else:
            filled[name] = localised(value, localiser, language)
    return filled
