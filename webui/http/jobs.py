"""/api/jobs: submit, list, cancel, skip, run again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Request

from webui.core.validation import complete
from webui.http.identity import owner_of
from webui.http.services import HttpServices

EXAMPLE = {"prompt": "a red apple", "steps": 20, "seed": -1}


def router(services: HttpServices) -> APIRouter:
    """The routes; handlers are plain functions, so they run beside the event loop."""
    routes = APIRouter(prefix="/api/jobs", tags=["jobs"])
    jobs = services.jobs

    @routes.get("")
    def listed(request: Request, scope: Literal["mine", "all"] = "mine") -> dict[str, Any]:
        owner = owner_of(request.headers)
        return {"jobs": jobs.views(jobs.list(owner, scope), owner)}

    @routes.post("")
    def submit(
        request: Request,
        values: Annotated[dict[str, Any], Body(examples=[EXAMPLE])],
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    ) -> dict[str, Any]:
        owner = owner_of(request.headers)
        wanted = complete(values, services.names())
        services.check(wanted)
        return jobs.view(jobs.submit(owner, wanted, idempotency_key=idempotency_key), owner)

    @routes.get("/{job_id}")
    def one(request: Request, job_id: str) -> dict[str, Any]:
        owner = owner_of(request.headers)
        return jobs.view(jobs.get(owner, job_id), owner)

    @routes.post("/{job_id}/cancel")
    def cancel(request: Request, job_id: str) -> dict[str, Any]:
        owner = owner_of(request.headers)
        admin = services.accounts.admin(owner)
        return jobs.view(jobs.cancel(owner, job_id, admin=admin), owner)

    @routes.post("/{job_id}/skip")
    def skip(request: Request, job_id: str) -> dict[str, Any]:
        owner = owner_of(request.headers)
        return jobs.view(jobs.skip(owner, job_id), owner)

    @routes.post("/{job_id}/rerun")
    def rerun(request: Request, job_id: str) -> dict[str, Any]:
        owner = owner_of(request.headers)
        return jobs.view(jobs.rerun(owner, job_id), owner)

    return routes
