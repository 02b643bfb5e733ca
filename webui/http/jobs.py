"""/api/jobs: submit, list, cancel, skip, run again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Request
from pydantic import BaseModel, ConfigDict, Field

from webui.core.validation import complete
from webui.http.identity import language_of, owner_of
from webui.http.services import HttpServices
from webui.services.records import Job

EXAMPLE = {"prompt": "a red apple", "steps": 20, "seed": -1}
KEY = (
    "Any text of the client's own, new for each request that it means. The same key again gives "
    "the job of the first time and queues nothing, so that a request may be sent again after an "
    "answer that did not come."
)


class Place(BaseModel):
    """Where a waiting job shall stand."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"before": "0123456789abcdef"}]}
    )

    before: str | None = Field(
        None, max_length=40, description="The waiting job that comes after it; null for the end."
    )


def router(services: HttpServices) -> APIRouter:
    """The routes; handlers are plain functions, so they run beside the event loop."""
    routes = APIRouter(prefix="/api/jobs", tags=["jobs"])
    jobs = services.jobs

    def shown(request: Request, job: Job) -> dict[str, Any]:
        view = jobs.view(job, owner_of(request.headers))
        return services.localise(view, language_of(request.headers))

    @routes.get("")
    def listed(request: Request, scope: Literal["mine", "all"] = "mine") -> dict[str, Any]:
        """Jobs that run, those that wait in the order of their turn, the asker's latest that ended.

        `all`: everybody's as far as they run or wait; the prompts of others are left out.
        """
        owner = owner_of(request.headers)
        views = jobs.views(jobs.list(owner, scope), owner)
        return services.localise({"jobs": list(views)}, language_of(request.headers))

    @routes.post("")
    def submit(
        request: Request,
        values: Annotated[dict[str, Any], Body(examples=[EXAMPLE])],
        idempotency_key: Annotated[str | None, Header(max_length=200, description=KEY)] = None,
    ) -> dict[str, Any]:
        """Puts a request into the queue. What it does not say has the form's defaults."""
        owner = owner_of(request.headers)
        wanted = complete(services.styles.merge(values), services.names())
        return shown(request, services.submit(owner, wanted, idempotency_key=idempotency_key))

    @routes.get("/{job_id}")
    def one(request: Request, job_id: str) -> dict[str, Any]:
        return shown(request, jobs.get(owner_of(request.headers), job_id))

    @routes.post("/{job_id}/cancel")
    def cancel(request: Request, job_id: str) -> dict[str, Any]:
        owner = owner_of(request.headers)
        admin = services.accounts.admin(owner)
        return shown(request, jobs.cancel(owner, job_id, admin=admin))

    @routes.post("/{job_id}/move")
    def move(request: Request, job_id: str, place: Place) -> dict[str, Any]:
        """Changes the place of a waiting job among the asker's own."""
        return shown(request, jobs.move(owner_of(request.headers), job_id, place.before))

    @routes.post("/{job_id}/skip")
    def skip(request: Request, job_id: str) -> dict[str, Any]:
        return shown(request, jobs.skip(owner_of(request.headers), job_id))

    @routes.post("/{job_id}/rerun")
    def rerun(request: Request, job_id: str) -> dict[str, Any]:
        return shown(request, jobs.rerun(owner_of(request.headers), job_id))

    return routes
