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
            filled[name] = _said(value, localiser, language)
        elif name == "remarks":
            filled[name] = [_said(remark, localiser, language) for remark in value]
        elif name in ("request", "settings"):
            filled[name] = value  # the person's own words; never ours to translate
        else:
            filled[name] = localised(value, localiser, language)
    return filled


def _said(message: Mapping[str, Any], localiser: Localiser, language: str) -> dict[str, Any]:
    return {**message, "text": localiser.message(Message.from_json(message), language)}
