"""/api/events: what happens, as server-sent events; the first one is a snapshot."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from webui.http.identity import language_of, owner_of
from webui.http.services import HttpServices
from webui.services.hub import Event, Subscription

HEARTBEAT_SECONDS = 20.0
"""A comment this often keeps proxies from closing a quiet stream."""

HEARTBEAT = ": still here\n\n"
STREAM_HEADERS = MappingProxyType({"cache-control": "no-store", "x-accel-buffering": "no"})
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events, without end.",
        "content": {"text/event-stream": {}},
    }
}


def router(services: HttpServices) -> APIRouter:
    """The stream of events."""
    routes = APIRouter(tags=["events"])

    @routes.get("/api/events", response_class=StreamingResponse, responses=STREAM)
    async def events(
        request: Request, last_event_id: Annotated[int | None, Header()] = None
    ) -> StreamingResponse:
        """All that happens: `snapshot`, then `job`, `step`, `picture`, `queue`, `worker`."""
        owner, language = owner_of(request.headers), language_of(request.headers)
        return StreamingResponse(
            _stream(services, owner, language, last_event_id),
            media_type="text/event-stream",
            headers=dict(STREAM_HEADERS),
        )

    return routes


async def _stream(
    services: HttpServices, owner: str, language: str, after: int | None
) -> AsyncIterator[str]:
    """Subscribes first and takes the snapshot then, so that nothing falls between the two."""
    async with services.hub.subscribe(owner, after) as subscription:
        snapshot = await run_in_threadpool(services.jobs.snapshot, owner)
        yield sse("snapshot", services.localise(snapshot, language))
        async for event in beating(subscription):
            if event is None:
                yield HEARTBEAT
                continue
            data = services.localise(dict(event.payload), language)
            yield sse(event.kind, data, event.id)


async def beating(subscription: Subscription) -> AsyncIterator[Event | None]:
    """The events as they come; None after each time in which there was none."""
    upcoming = asyncio.ensure_future(subscription.__anext__())
    try:
        while True:
            done, _ = await asyncio.wait({upcoming}, timeout=HEARTBEAT_SECONDS)
            if not done:
                yield None
                continue
            try:
                event = upcoming.result()
            except StopAsyncIteration:
                return
            yield event
            upcoming = asyncio.ensure_future(subscription.__anext__())
    finally:
        upcoming.cancel()


def sse(kind: str, data: Any, number: int | None = None) -> str:
    """One event as it goes over the wire."""
    head = f"id: {number}\n" if number is not None else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
