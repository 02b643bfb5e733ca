"""JSON from strangers: read within bounds, of whatever form it turns out to be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MAX_JSON = 1_000_000


def loads(text: str) -> Any:
    """The JSON in `text`; None for what is none, is too long, or is nested too deep."""
    if len(text) > MAX_JSON:
        return None
    try:
        return json.loads(text, parse_constant=_nothing)
    except (ValueError, RecursionError):
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text_of(value: Any) -> str:
    """`value` if it is text, else nothing."""
    return value if isinstance(value, str) else ""


def scalar(value: Any) -> str | int | float | bool | None:
    """`value` if it is a single value, else None."""
    return value if isinstance(value, (str, int, float, bool)) else None


def renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The single values of `values` whose keys `names` knows, under their new names."""
    found = {new: scalar(values.get(old)) for old, new in names.items()}
    return {name: value for name, value in found.items() if value is not None}


def _nothing(_: str) -> None:
    """NaN and infinity, which no field may have."""
