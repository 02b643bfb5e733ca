"""Puts the routes together."""

from __future__ import annotations

from fastapi import FastAPI

from webui.http import (
    access_tokens,
    documentation,
    downloads,
    events,
    extras,
    failures,
    inputs,
    jobs,
    login,
    merges,
    models,
    pictures,
    reading,
    refusals,
    sdapi,
    session,
    watching,
    words,
)
from webui.http.services import HttpServices


def create_app(services: HttpServices) -> FastAPI:
    """The application without user interface and gate, which `webui.main` adds."""
    app = FastAPI(
        title="Inkstone",
        version=services.version,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        openapi_url="/api/openapi.json",
    )
    for part in (
        *(session, access_tokens, jobs, watching, inputs, models, downloads, merges),
        *(words, reading, pictures, extras, events, login, sdapi),
    ):
        app.include_router(part.router(services))
    app.include_router(documentation.router(app, services.localiser, services.subpath))
    failures.install(app, services)
    refusals.describe_refusals(app)
    return app
