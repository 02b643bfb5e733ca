"""A short list of models to begin with, each under a licence that lets anybody use it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[2] / "data" / "starting_points.json"


@cache
def starters() -> tuple[dict[str, Any], ...]:
    """Rows of `what`, `name`, `kind`, `family`, `licence` and `size` in bytes, by usefulness."""
    rows = json.loads(FILE.read_text("utf-8"))
    return tuple(rows)
