"""/api/models: what lies in the folders of models, and what is wrong with some of it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from webui.core.errors import NotAllowed
from webui.http.identity import language_of, owner_of
from webui.http.services import HttpServices
from webui.services.model_views import library_view


class Pickle(BaseModel):
    """A pickle to convert, by the path that the list of models gives."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(max_length=5000, examples=["models/checkpoints/old.ckpt"])


REFUSALS: dict[int | str, dict[str, Any]] = {
    409: {"description": "It is not in the list of models, or no pickle that can be converted."}
}


def router(services: HttpServices) -> APIRouter:
    """The routes. Everybody who may draw sees all models; converting fills the server's disk."""
    routes = APIRouter(prefix="/api/models", tags=["models"])

    def listed(request: Request) -> dict[str, Any]:
        return services.localise(library_view(services.library), language_of(request.headers))

    @routes.get("")
    def models(request: Request) -> dict[str, Any]:
        return listed(request)

    @routes.get("/convert")
    def conversion(request: Request) -> dict[str, Any]:
        return services.localise(services.conversions.view(), language_of(request.headers))

    @routes.post("/convert", responses=REFUSALS)
    def convert(request: Request, wanted: Pickle) -> dict[str, Any]:
        if not services.accounts.admin(owner_of(request.headers)):
            raise NotAllowed("error.convert_admin")
        services.conversions.start(wanted.path)
        return conversion(request)

    @routes.post("/refresh")
    def refresh(request: Request) -> dict[str, Any]:
        services.library.refresh()
        return listed(request)

    return routes
