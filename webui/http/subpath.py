"""A prefix before all addresses, for a server that shares its name with others.

Requests may come with it or, from a proxy that takes it off, without. Inside there is none;
what leads outward (redirects, the page, cookies) is given it.
"""

from __future__ import annotations

from typing import Any

from starlette.types import Scope


def stripped(scope: Scope, subpath: str) -> Scope:
    """The request as it would be without the prefix."""
    path: str = scope["path"]
    if not subpath or not (path + "/").startswith(subpath + "/"):
        return scope
    inner: dict[str, Any] = {**scope, "path": path[len(subpath) :]}
    raw = scope.get("raw_path")
    if raw:
        inner["raw_path"] = raw[len(subpath) :]
    return inner
