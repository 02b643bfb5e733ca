"""The history and its files. Owners see their own pictures only."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response

from webui.core.validation import complete
from webui.http.identity import language_of, owner_of
from webui.http.services import HttpServices
from webui.services.formats import media_type, suffix_of
from webui.services.originals import enlarging
from webui.services.views import picture_view

FOREVER = "private, max-age=31536000, immutable"
"""A picture never changes under its id, so a browser need not ask again."""

MAX_SEARCH = 200
SEARCH = (
    "A part of the infotext: words of the prompts, a sampler, a model, a seed, such as "
    "`Sampler: Euler`. Case does not matter in ASCII letters. Empty for all pictures."
)

EXAMPLE = {"hires_scale": 2, "hires_upscaler": "Lanczos", "denoising_strength": 0.4}

FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file as it was saved, which need not be a PNG.",
        "content": {kind: {} for kind in ("image/png", "image/jpeg", "image/webp", "image/avif")},
    }
}


def router(services: HttpServices) -> APIRouter:
    """The routes of pictures."""
    routes = APIRouter(tags=["pictures"])
    images = services.images

    @routes.get("/api/pictures")
    def page(
        request: Request,
        page: Annotated[int, Query(ge=1, le=1_000_000, description="From 1.")] = 1,
        size: Annotated[int, Query(ge=1, le=100, description="Pictures of a page.")] = 24,
        search: Annotated[str, Query(max_length=MAX_SEARCH, description=SEARCH)] = "",
    ) -> dict[str, Any]:
        """A page of the history, the newest first: `items`, `total`, `page`, `pages`."""
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

    @routes.post("/api/pictures/{picture_id}/hires")
    def enlarge(
        request: Request,
        picture_id: str,
        wishes: Annotated[dict[str, Any] | None, Body(examples=[EXAMPLE])] = None,
    ) -> dict[str, Any]:
        """Runs hires fix on a finished picture; the body changes settings of its own."""
        owner = owner_of(request.headers)
        picture = images.get(owner, picture_id)
        values = enlarging(picture, wishes or {})
        job = services.submit(owner, complete(values, services.names()))
        return services.localise(services.jobs.view(job, owner), language_of(request.headers))

    @routes.get("/pictures/{picture_id}.png", response_class=Response, responses=FILE)
    def file(request: Request, picture_id: str, download: bool = False) -> Response:
        picture = images.get(owner_of(request.headers), picture_id)
        content = images.content(picture)
        kind = media_type(content)
        headers = {"cache-control": FOREVER}
        if download:
            path = images.path(picture)
            name = path.name if path else f"{picture.seed}{suffix_of(kind)}"
            headers["content-disposition"] = f'attachment; filename="{name}"'
        return Response(content, media_type=kind, headers=headers)

    @routes.get(
        "/pictures/{picture_id}/thumb.webp",
        response_class=Response,
        responses={200: {"content": {"image/webp": {}}}},
    )
    def thumbnail(request: Request, picture_id: str) -> Response:
        picture = images.get(owner_of(request.headers), picture_id)
        return Response(
            images.thumbnail(picture), media_type="image/webp", headers={"cache-control": FOREVER}
        )

    return routes
