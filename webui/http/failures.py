"""Errors become answers in one place: a status, and problems in the viewer's language."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from webui.core.errors import (
    DownloadError,
    InkstoneError,
    InvalidRequest,
    Message,
    ModelFileError,
    NotAllowed,
    NotFound,
    NotYet,
    Stopping,
    StorageError,
    TooLarge,
    WrongKind,
)
from webui.core.validation import shorten
from webui.http.answers import known_refusal, refusal
from webui.http.identity import CLIENTS, language_of
from webui.http.services import HttpServices

STATUS: tuple[tuple[type[InkstoneError], int], ...] = (
    (InvalidRequest, 422),
    (NotAllowed, 403),
    (NotFound, 404),
    (TooLarge, 413),
    (WrongKind, 415),
    (ModelFileError, 409),
    (NotYet, 501),
    (DownloadError, 502),
    (StorageError, 507),
    (Stopping, 503),
)

_log = logging.getLogger(__name__)


def install(app: FastAPI, services: HttpServices) -> None:
    """Registers the handlers for our errors and for bodies of the wrong form."""

    def answer(request: Request, status: int, error: Exception, *messages: Message) -> JSONResponse:
        language = language_of(request.headers)
        problems = [services.say(message, language) for message in messages]
        if request.url.path.startswith(CLIENTS):
            return JSONResponse(known_refusal(type(error).__name__, problems), status)
        return JSONResponse(refusal(problems), status)

    @app.exception_handler(InkstoneError)
    async def ours(request: Request, error: InkstoneError) -> JSONResponse:
        status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
        if status >= 500 and not isinstance(error, (NotYet, Stopping)):
            _log.error("%s %s: %s", request.method, request.url.path, error)
        messages = error.problems if isinstance(error, InvalidRequest) else (error.message,)
        return answer(request, status, error, *messages)

    @app.exception_handler(RequestValidationError)
    async def form(request: Request, error: RequestValidationError) -> JSONResponse:
        messages = [
            Message("error.body", {"at": shorten(".".join(map(str, d["loc"]))), "why": d["msg"]})
            for d in error.errors()[:20]
        ]
        return answer(request, 422, error, *messages)

    @app.exception_handler(400)
    async def unreadable(request: Request, error: HTTPException) -> JSONResponse:
        """A body that is no text at all, or a malformed form, as the libraries tell it."""
        message = Message("error.body", {"at": "body", "why": shorten(error.detail).rstrip(".")})
        return answer(request, 422, error, message)
