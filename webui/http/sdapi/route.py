"""What all routes of the API have in common: how bodies are read, and a header of the answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute

from webui.core.errors import InvalidRequest, Message
from webui.core.validation import shorten
from webui.http.reading import MEGABYTE, received

MAX_BODY = 192 * MEGABYTE
"""Room for a start picture and a mask of the largest size that is taken in, as base64."""

SMALL_BODY = MEGABYTE


class ApiRoute(APIRoute):
    """Says how long an answer took, in seconds, where clients look for it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with the header added."""
        handle = super().get_route_handler()

        async def timed(request: Request) -> Response:
            started = time.perf_counter()
            answer = await handle(request)
            answer.headers["x-process-time"] = f"{time.perf_counter() - started:.4f}"
            return answer

        return timed


async def json_body(request: Request, limit: int = MAX_BODY) -> dict[str, Any]:
    """The body: a JSON object. An empty body is an empty one.

    Raises:
        TooLarge: it has more than `limit` bytes; the rest was not read.
        InvalidRequest: it is something else.
    """
    raw = await received(request, limit)
    return await run_in_threadpool(_parsed, raw)


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw, parse_constant=_refuse) if raw.strip() else {}
    except (ValueError, RecursionError) as error:
        values = {"at": "body", "why": shorten(error)}
        raise InvalidRequest(Message("error.body", values)) from error
    if not isinstance(body, dict):
        raise InvalidRequest(Message("error.api_table", {"got": shorten(body)}, "body"))
    return body


def _refuse(constant: str) -> NoReturn:
    """NaN and Infinity are no JSON, though Python reads them."""
    raise ValueError(constant)


def body_schema(schema: dict[str, Any], *examples: dict[str, Any]) -> dict[str, Any]:
    """The part of the OpenAPI document that says what a body holds."""
    shown = {f"{number}": {"value": example} for number, example in enumerate(examples, 1)}
    content: dict[str, Any] = {"schema": schema, **({"examples": shown} if shown else {})}
    return {"requestBody": {"content": {"application/json": content}}}


REFUSALS: dict[int | str, dict[str, Any]] = {
    413: {"description": "The body or a picture in it is too large."},
    422: {"description": "An entry is not right; `problems` name it."},
}
