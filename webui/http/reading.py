"""/api/infotext and /api/picture-info: what a text or a picture says, before it is applied.

The form of both answers stands in docs/infotext.md.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from webui.core.errors import TooLarge
from webui.core.infotext import MAX_CHARACTERS
from webui.http.identity import language_of
from webui.http.services import HttpServices
from webui.services.reading import Reader, Reading

MEGABYTE = 2**20
MAX_PICTURE = 50 * MEGABYTE
BODY = {
    "required": True,
    "description": "The file itself, of any kind of picture.",
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}
REFUSALS: dict[int | str, dict[str, Any]] = {422: {"description": "It is no picture."}}

Said = Annotated[str, Field(max_length=MAX_CHARACTERS)]
"""A text with a bound, which also keeps out halves of characters that no answer could hold."""


class Pasted(BaseModel):
    """A text to read, and what the form shows now."""

    text: Said = Field(examples=["a cat\nSteps: 20, Seed: 42"])
    current: dict[Said, Said | int | float | bool | list[Said] | None] = Field(default_factory=dict)


def router(services: HttpServices) -> APIRouter:
    """The routes of reading. Nothing is changed or kept by them."""
    routes = APIRouter(prefix="/api", tags=["reading"])
    reader = Reader(services.names, services.library)

    def shown(request: Request, reading: Reading, current: dict[str, Any]) -> dict[str, Any]:
        language = language_of(request.headers)
        view = reading.view(current)
        view["problems"] = [services.say(problem, language) for problem in reading.problems]
        return view

    @routes.post("/infotext")
    def text(request: Request, body: Pasted) -> dict[str, Any]:
        return shown(request, reader.text(body.text), body.current)

    @routes.post("/picture-info", openapi_extra={"requestBody": BODY}, responses=REFUSALS)
    async def picture(request: Request) -> dict[str, Any]:
        data = await received(request)
        reading = await run_in_threadpool(reader.picture, data)
        return shown(request, reading, {})

    return routes


async def received(request: Request, limit: int = MAX_PICTURE) -> bytes:
    """The raw body.

    Raises:
        TooLarge: it is longer than `limit`; the rest of it was not read.
    """
    parts: list[bytes] = []
    length = 0
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise TooLarge("error.too_large", high=limit // MEGABYTE)
    async for part in request.stream():
        length += len(part)
        if length > limit:
            raise TooLarge("error.too_large", high=limit // MEGABYTE)
        parts.append(part)
    return b"".join(parts)
