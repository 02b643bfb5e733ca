"""/internal: what pages and clients ask beside the API itself. Everybody sees their own tasks."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from webui.core.errors import NotFound, NotYet
from webui.http.identity import language_of, owner_of
from webui.http.sdapi.progress import fraction, orders
from webui.http.sdapi.route import ApiRoute
from webui.http.sdapi.tasks import NAME_CHARACTERS, Tasks
from webui.http.sdapi.unavailable import CANNOT
from webui.http.services import HttpServices
from webui.services.compat.options import FIELDS

NOTHING: dict[str, Any] = {
    "active": False,
    "queued": False,
    "completed": False,
    "progress": None,
    "eta": None,
    "live_preview": None,
    "id_live_preview": -1,
    "textinfo": None,
}
STEPS = 1000
"""More than any batch has: batch and step together number the previews."""


class Asked(BaseModel):
    """Which task, and which of its previews the client has already."""

    id_task: str | None = Field(None, max_length=NAME_CHARACTERS)
    id_live_preview: int = -1
    live_preview: bool = True


def router(services: HttpServices, tasks: Tasks) -> APIRouter:
    """The routes."""
    routes = APIRouter(route_class=ApiRoute)

    @routes.get("/ping")
    def ping() -> dict[str, Any]:
        """Says that the server is there."""
        return {}

    @routes.post("/progress")
    def progress(request: Request, asked: Asked) -> dict[str, Any]:
        """How a task is doing. One that nobody knows yet is neither active nor completed."""
        owner, language = owner_of(request.headers), language_of(request.headers)
        task = tasks.named(owner, asked.id_task or "")
        order = next((o for o in orders(services, tasks, owner) if o.has(task)), None)
        if order is None:
            return {**NOTHING, "completed": _known(services, owner, task.jobs[0])}
        view = services.jobs.view(order.now, owner)
        if not order.begun:
            position = view["position"] or 1
            text = services.localiser.text("progress.waiting", language, position=position)
            return {**NOTHING, "queued": True, "textinfo": text}
        step = services.jobs.step(owner, order.now.id) or {}
        number = order.batches(view)[1] * STEPS + view["step"]
        new = asked.live_preview and number != asked.id_live_preview
        phase = view["phase"] or "start"
        return {
            **NOTHING,
            "active": True,
            "progress": fraction(order, view),
            "eta": view["eta_seconds"],
            "live_preview": step.get("preview") if new else None,
            "id_live_preview": number,
            "textinfo": services.localiser.text(f"phase.{phase}", language),
        }

    @routes.get("/pending-tasks")
    def pending(request: Request) -> dict[str, Any]:
        """The tasks of whoever asks that wait."""
        owner = owner_of(request.headers)
        waiting = [o.task.name for o in orders(services, tasks, owner) if not o.begun]
        return {"size": len(waiting), "tasks": waiting}

    for name in ("sysinfo", "sysinfo-download", "profile-startup"):
        _refuse(routes, name)

    @routes.get("/quicksettings-hint")
    def hint(request: Request) -> list[dict[str, str]]:
        """The settings that can be changed, with their labels."""
        language = language_of(request.headers)
        return [
            {"name": key, "label": services.localiser.text(f"param.{field}", language)}
            for key, field in FIELDS.items()
        ]

    return routes


def _known(services: HttpServices, owner: str, job_id: str) -> bool:
    """Whether there is such a job of this owner."""
    try:
        services.jobs.get(owner, job_id)
    except NotFound:
        return False
    return True


def _refuse(routes: APIRouter, name: str) -> None:
    @routes.get(f"/{name}", name=name.replace("-", "_"), responses=CANNOT)
    def refuse() -> None:
        """Would tell about the whole system."""
        raise NotYet("error.api_not_yet", name=name)
