"""/api/jobs/{id}/events and /api/jobs/{id}/pictures: one job, as it goes and what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from webui.http.events import HEARTBEAT, STREAM, STREAM_HEADERS, beating, sse
from webui.http.identity import language_of, owner_of
from webui.http.services import HttpServices
from webui.services.hub import Event
from webui.services.jobs import SHOWN
from webui.services.records import ACTIVE
from webui.services.views import picture_view

UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "No such job of the asker."}}


def router(services: HttpServices) -> APIRouter:
    """The routes. Owners see their own jobs alone."""
    routes = APIRouter(prefix="/api/jobs", tags=["jobs"])

    @routes.get("/{job_id}/pictures", responses=UNKNOWN)
    def results(request: Request, job_id: str) -> dict[str, Any]:
        """The pictures of a job that are there, in their order."""
        view = {"pictures": _pictures(services, owner_of(request.headers), job_id)}
        return services.localise(view, language_of(request.headers))

    @routes.get(
        "/{job_id}/events", response_class=StreamingResponse, responses={**STREAM, **UNKNOWN}
    )
    async def watch(
        request: Request, job_id: str, last_event_id: Annotated[int | None, Header()] = None
    ) -> StreamingResponse:
        """Tells how a job goes, until it is over.

        `snapshot` (the job and its pictures so far) comes first, unless the stream is taken up
        again with Last-Event-ID and nothing was missed; then `job`, `step` and `picture` as they
        happen; `end`, with the job, when it is over. Close the stream then, or a browser asks
        again.
        """
        owner = owner_of(request.headers)
        await run_in_threadpool(services.jobs.get, owner, job_id)
        return StreamingResponse(
            _watched(services, owner, job_id, language_of(request.headers), last_event_id),
            media_type="text/event-stream",
            headers=dict(STREAM_HEADERS),
        )

    return routes


def _pictures(services: HttpServices, owner: str, job_id: str) -> list[dict[str, Any]]:
    job = services.jobs.get(owner, job_id)
    return [picture_view(p) for p in services.images.of_job(job.id) if p.state in SHOWN]


async def _watched(
    services: HttpServices, owner: str, job_id: str, language: str, after: int | None
) -> AsyncIterator[str]:
    """Subscribes first and looks then, so that nothing falls between the two."""

    def concerns(event: Event) -> bool:
        named = event.payload.get("id" if event.kind == "job" else "job_id")
        return event.kind in ("job", "step", "picture") and named == job_id

    def now() -> tuple[bool, dict[str, Any]]:
        job = services.jobs.get(owner, job_id)
        view = {
            "job": services.jobs.view(job, owner),
            "pictures": _pictures(services, owner, job_id),
        }
        return job.active, services.localise(view, language)

    async with services.hub.subscribe(owner, after, only=concerns) as subscription:
        active, view = await run_in_threadpool(now)
        if after is None or not subscription.complete or not active:
            yield sse("snapshot", view)
        if not active:
            yield sse("end", view["job"])
            return
        async for event in beating(subscription):
            if event is None:
                yield HEARTBEAT
                continue
            data = services.localise(dict(event.payload), language)
            over = event.kind == "job" and data["state"] not in ACTIVE
            yield sse("end" if over else event.kind, data, event.id)
            if over:
                return
