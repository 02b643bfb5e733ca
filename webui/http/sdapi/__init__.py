"""/sdapi/v1 and /internal: the API that clients of stable-diffusion-webui speak.

What it takes and answers, and where it differs, stands in docs/api.md.
"""

from __future__ import annotations

from fastapi import APIRouter

from webui.http.sdapi import (
    control,
    files,
    generation,
    internal,
    lists,
    models,
    networks,
    options,
    progress,
    scripts,
    unavailable,
)
from webui.http.sdapi.route import ApiRoute
from webui.http.sdapi.tasks import Tasks
from webui.http.services import HttpServices

PREFIX = "/sdapi/v1"


def router(services: HttpServices) -> APIRouter:
    """All routes of both."""
    tasks = Tasks()
    routes = APIRouter()
    for part in (lists, scripts, models, networks, options, files, control, unavailable):
        routes.include_router(part.router(services), prefix=PREFIX, tags=["sdapi"])
    for with_tasks in (generation, progress):
        routes.include_router(with_tasks.router(services, tasks), prefix=PREFIX, tags=["sdapi"])
    routes.include_router(internal.router(services, tasks), prefix="/internal", tags=["sdapi"])
    return routes


__all__ = ["ApiRoute", "router"]
