"""/api/models: what lies in the folders of models, and what is wrong with some of it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from webui.http.identity import language_of
from webui.http.services import HttpServices
from webui.services.model_views import library_view


def router(services: HttpServices) -> APIRouter:
    """The routes. Everybody who may draw sees all models."""
    routes = APIRouter(prefix="/api/models", tags=["models"])

    def listed(request: Request) -> dict[str, Any]:
        return services.localise(library_view(services.library), language_of(request.headers))

    @routes.get("")
    def models(request: Request) -> dict[str, Any]:
        return listed(request)

    @routes.post("/refresh")
    def refresh(request: Request) -> dict[str, Any]:
        services.library.refresh()
        return listed(request)

    return routes
