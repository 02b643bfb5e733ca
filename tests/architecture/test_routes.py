"""No route without a test: each path of the server is asked for somewhere under tests/."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from tests.architecture.source import REPOSITORY
from webui.http.app import create_app
from webui.http.services import HttpServices


def paths() -> list[str]:
    """The paths of our own routes; nothing is asked of the services while they are listed."""
    empty: dict[str, Any] = {field.name: None for field in fields(HttpServices)}
    app = create_app(HttpServices(**{**empty, "version": "0", "subpath": ""}))
    return sorted(set(app.openapi()["paths"]) | set(plain(app.routes)))


def plain(routes: Iterable[Any]) -> Iterator[str]:
    for route in routes:
        if getattr(route, "path", None):
            yield route.path


def test_the_routes_are_found() -> None:
    assert {"/api/jobs", "/api/events", "/pictures/{picture_id}.png"} <= set(paths())


def test_every_route_is_asked_for_in_a_test() -> None:
    tests = [
        path.read_text("utf-8")
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        if path.parent.name != "architecture"
    ]
    text = "\n".join(tests)
    untested = [path for path in paths() if not asked_for(path).search(text)]
    assert not untested


def asked_for(path: str) -> re.Pattern[str]:
    """Where a test says this path, its parameters filled with anything."""
    parts = re.split(r"\{[^}]*\}", path)
    pattern = r"(?:\{[^}]*\}|[^\"'\s/])+".join(map(re.escape, parts))
    return re.compile(pattern + r"(?![\w/-])")
