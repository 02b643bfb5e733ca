"""/api/session and its neighbours: who am I, and in which language."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from webui.core.errors import NotFound
from webui.http.identity import LANGUAGE_COOKIE, language_of, owner_of
from webui.http.services import HttpServices

YEAR = 365 * 24 * 3600


class Language(BaseModel):
    """The language that a viewer chose."""

    lang: str = Field(max_length=20, examples=["zh-CN"])


def router(services: HttpServices) -> APIRouter:
    """The routes about the viewer."""
    routes = APIRouter(prefix="/api", tags=["session"])
    localiser = services.localiser

    @routes.get("/session")
    def session(request: Request) -> dict[str, Any]:
        owner, language = owner_of(request.headers), language_of(request.headers)
        worker = services.jobs.worker_view()
        return {
            "owner": owner,
            "accounts": bool(services.accounts),
            "admin": services.accounts.admin(owner),
            "version": services.version,
            "language": language,
            "languages": [{"code": c, "name": n} for c, n in localiser.languages.items()],
            "worker": services.localise(worker, language),
        }

    @routes.get("/messages/{language}")
    def messages(language: str) -> dict[str, str]:
        if language not in localiser.catalogues:
            raise NotFound("error.no_language", got=language[:20])
        return dict(localiser.catalogues[language])

    @routes.post("/language")
    def choose(choice: Language, response: Response) -> dict[str, str]:
        language = localiser.negotiate(chosen=choice.lang)
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=YEAR, path=f"{services.subpath}/", samesite="lax"
        )
        return {"lang": language}

    return routes
