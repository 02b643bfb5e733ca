"""The models under the names that clients know, and what may be done with them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from webui.core.errors import NotAllowed
from webui.http.identity import owner_of
from webui.http.sdapi.options import current_checkpoint
from webui.http.sdapi.route import ApiRoute
from webui.http.services import HttpServices
from webui.services.library.hashes import DIGITS
from webui.services.models import title_of

Rows = list[dict[str, Any]]


def router(services: HttpServices) -> APIRouter:
    """The routes. Everybody sees all models; what slows the others down is for administrators."""
    routes = APIRouter(route_class=ApiRoute)
    library = services.library

    def check_admin(request: Request) -> None:
        if not services.accounts.admin(owner_of(request.headers)):
            raise NotAllowed("error.api_admin")

    @routes.get("/sd-models")
    def checkpoints() -> Rows:
        """The checkpoints; name, title and hash are all understood in requests.

        A large file's hash is null until a picture was drawn with it: a list reads no gigabytes.
        """
        rows = []
        for entry in library.entries():
            sha256 = library.sha256_of(entry)
            digest = sha256[:DIGITS] if sha256 else library.known_hash(entry)
            rows.append(
                {
                    "title": title_of(entry, digest),
                    "model_name": entry.name,
                    "hash": digest,
                    "sha256": sha256,
                    "filename": str(entry.path),
                    "config": None,
                }
            )
        return rows

    @routes.get("/sd-vae")
    @routes.get("/sd-modules")
    def vaes() -> Rows:
        """The VAEs beside the checkpoints' own; clients of Forge ask for modules."""
        entries = library.shelf().vaes.values()
        return [{"model_name": entry.name, "filename": str(entry.path)} for entry in entries]

    @routes.post("/unload-checkpoint")
    def unload(request: Request) -> dict[str, Any]:
        """Gives the memory of the loaded models back, after what is drawn now."""
        check_admin(request)
        services.jobs.unload()
        return {}

    @routes.post("/reload-checkpoint")
    def reload(request: Request) -> dict[str, Any]:
        """Loads the asker's checkpoint, so that the next request need not."""
        check_admin(request)
        entry = current_checkpoint(services, owner_of(request.headers))
        if entry:
            services.jobs.load(library.files(entry.name))
        return {}

    return routes
