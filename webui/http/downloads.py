"""/api/downloads: models from elsewhere, for administrators."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from webui.core.errors import NotAllowed
from webui.http.identity import language_of, owner_of
from webui.http.services import HttpServices
from webui.services.downloads.service import Download
from webui.services.downloads.starters import starters
from webui.services.library.places import OWN_FOLDERS


class Wanted(BaseModel):
    """What to fetch: a URL or a repository, where it belongs, and its checksum if known."""

    model_config = ConfigDict(extra="forbid")

    what: str = Field(max_length=2000, examples=["owner/name/model.safetensors"])
    to: str = Field("", max_length=80)
    sha256: str = Field("", max_length=80)


REFUSALS: dict[int | str, dict[str, Any]] = {
    409: {"description": "It is here already, or it is no model that can be used."},
    502: {"description": "The other server does not give it, or gives something else."},
}


def router(services: HttpServices) -> APIRouter:
    """The routes. They reach into the network and fill the disk, so accounts need the right."""
    routes = APIRouter(prefix="/api/downloads", tags=["downloads"])
    downloads = services.downloads

    def check(request: Request) -> None:
        if not services.accounts.admin(owner_of(request.headers)):
            raise NotAllowed("error.download_admin")

    def shown(request: Request, download: Download) -> dict[str, Any]:
        return services.localise(download.to_json(), language_of(request.headers))

    @routes.get("")
    def listed(request: Request) -> dict[str, Any]:
        check(request)
        rows = [shown(request, download) for download in downloads.all()]
        folders = sorted(set(OWN_FOLDERS.values()))
        return {"downloads": rows, "starters": list(starters()), "folders": folders}

    @routes.post("/look", responses=REFUSALS)
    def look(request: Request, wanted: Wanted) -> dict[str, Any]:
        check(request)
        return downloads.look(wanted.what, wanted.to, wanted.sha256).to_json()

    @routes.post("", responses=REFUSALS)
    def begin(request: Request, wanted: Wanted) -> dict[str, Any]:
        check(request)
        offer = downloads.look(wanted.what, wanted.to, wanted.sha256)
        return shown(request, downloads.begin(offer))

    @routes.delete("/{download_id}", status_code=204)
    def end(request: Request, download_id: str) -> Response:
        check(request)
        downloads.end(download_id)
        return Response(status_code=204)

    return routes
