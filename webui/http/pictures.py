"""The history and its files. Owners see their own pictures only."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from webui.http.identity import language_of, owner_of
from webui.http.services import HttpServices
from webui.services.views import picture_view

FOREVER = "private, max-age=31536000, immutable"
"""A picture never changes under its id, so a browser need not ask again."""

MAX_SEARCH = 200


def router(services: HttpServices) -> APIRouter:
    """The routes of pictures."""
    routes = APIRouter(tags=["pictures"])
    images = services.images

    @routes.get("/api/pictures")
    def page(
        request: Request,
        page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
        size: Annotated[int, Query(ge=1, le=100)] = 24,
        search: Annotated[str, Query(max_length=MAX_SEARCH)] = "",
    ) -> dict[str, Any]:
        found, total = images.page(owner_of(request.headers), page, size, search.strip())
        answer = {
            "items": [picture_view(picture) for picture in found],
            "total": total,
            "page": page,
            "pages": max(1, ceil(total / size)),
        }
        return services.localise(answer, language_of(request.headers))

    @routes.get("/api/pictures/{picture_id}")
    def one(request: Request, picture_id: str) -> dict[str, Any]:
        view = picture_view(images.get(owner_of(request.headers), picture_id))
        return services.localise(view, language_of(request.headers))

    @routes.get("/pictures/{picture_id}.png")
    def file(request: Request, picture_id: str, download: bool = False) -> Response:
        picture = images.get(owner_of(request.headers), picture_id)
        headers = {"cache-control": FOREVER}
        if download:
            path = images.path(picture)
            name = path.name if path else f"{picture.seed}.png"
            headers["content-disposition"] = f'attachment; filename="{name}"'
        return Response(images.content(picture), media_type="image/png", headers=headers)

    @routes.get("/pictures/{picture_id}/thumb.webp")
    def thumbnail(request: Request, picture_id: str) -> Response:
        picture = images.get(owner_of(request.headers), picture_id)
        return Response(
            images.thumbnail(picture), media_type="image/webp", headers={"cache-control": FOREVER}
        )

    return routes
