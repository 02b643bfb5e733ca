"""Pages of other sites that were named with `--cors-origin` (CORS).

They bring credentials of their own; the cookies of our pages do not count for them.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import Response

METHODS = "GET, HEAD, POST, PUT, DELETE"
PREFLIGHT_SECONDS = 600


def allowed_origin(headers: Headers, origins: Collection[str]) -> str:
    """The request's Origin when it is one of `origins`; "" otherwise."""
    origin = headers.get("origin", "")
    return origin if origin and origin.casefold() in origins else ""


def cors_headers(origin: str) -> dict[str, str]:
    """What lets a page of that origin read the answer."""
    return {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "Retry-After, X-Process-Time, Content-Disposition",
        "cross-origin-resource-policy": "cross-origin",
        "vary": "Origin",
    }


def preflight(headers: Headers) -> Response | None:
    """The answer to a browser that asks whether it may ask; None for other requests."""
    if "access-control-request-method" not in headers:
        return None
    wanted = headers.get("access-control-request-headers", "")
    answer = {
        "access-control-allow-methods": METHODS,
        "access-control-max-age": str(PREFLIGHT_SECONDS),
    }
    if wanted:
        answer["access-control-allow-headers"] = wanted
    return Response(status_code=204, headers=answer)
