"""Routes for what this program cannot do yet: they say so, or list nothing."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from webui.core.errors import NotFound, NotYet
from webui.core.validation import shorten
from webui.http.sdapi.route import ApiRoute, body_schema, json_body
from webui.http.services import HttpServices

MODELS = ("clip", "deepdanbooru")
TRAINING = ("create/embedding", "create/hypernetwork", "train/embedding", "train/hypernetwork")
EMPTY = ("extensions", "face-restorers", "realesrgan-models", "hypernetworks")
"""Lists of what there is none of."""

CANNOT: dict[int | str, dict[str, Any]] = {501: {"description": "There is nothing that does it."}}
UNDESCRIBED: dict[int | str, dict[str, Any]] = {
    404: {"description": "There is no picture, or no such model."},
    **CANNOT,
}


def router(services: HttpServices) -> APIRouter:
    """The routes."""
    routes = APIRouter(route_class=ApiRoute)

    @routes.post(
        "/interrogate", openapi_extra=body_schema({"type": "object"}), responses=UNDESCRIBED
    )
    async def interrogate(request: Request) -> None:
        """Would describe a picture."""
        body = await json_body(request)
        if not body.get("image"):
            raise NotFound("error.api_no_picture", field="image")
        if body.get("model", "clip") not in MODELS:
            raise NotFound("error.api_no_model", field="model", name=shorten(body["model"]))
        raise NotYet("error.api_not_yet", name="interrogate")

    def training(name: str) -> None:
        @routes.post(f"/{name}", name=name.replace("/", "_"), responses=CANNOT)
        def refuse() -> None:
            """Would make a model."""
            raise NotYet("error.api_not_yet", name=name)

    def empty(name: str) -> None:
        @routes.get(f"/{name}", name=name.replace("-", "_"))
        def nothing() -> list[dict[str, Any]]:
            """There are none yet."""
            return []

    for name in EMPTY:
        empty(name)
    for name in TRAINING:
        training(name)
    return routes
