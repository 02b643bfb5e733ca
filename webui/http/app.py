"""Puts the routes together."""

from __future__ import annotations

from fastapi import FastAPI

from webui.http import (
    downloads,
    events,
    failures,
    inputs,
    jobs,
    login,
    merges,
    models,
    pictures,
    reading,
    sdapi,
    session,
    words,
)
from webui.http.services import HttpServices


def create_app(services: HttpServices) -> FastAPI:
    """The application without user interface and gate, which `webui.main` adds."""
    app = FastAPI(
        title="Inkstone",
        version=services.version,
        docs_url="/api/docs",
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        openapi_url="/api/openapi.json",
    )
    for part in (
        *(session, jobs, inputs, models, downloads, merges),
        *(words, reading, pictures, events, login, sdapi),
    ):
        app.include_router(part.router(services))
    failures.install(app, services)
    return app
