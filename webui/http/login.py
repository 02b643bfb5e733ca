"""/login and /logout: a page of its own that needs no script and no other file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from html import escape
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from webui.http.identity import SESSION_COOKIE, language_of
from webui.http.plain_page import HEADERS, plain_page
from webui.http.services import HttpServices
from webui.services.accounts import SESSION_SECONDS

FAILURE_SECONDS = 0.5
"""A wrong password costs this long, whoever asks, and one guess at a time. After some of them
their address has to pause; see `webui.services.throttle`."""

ONWARDS: dict[str, Any] = {"description": "To the page that follows."}
REFUSED: dict[str, Any] = {
    "description": "The page again, with the reason.",
    "content": {"text/html": {"schema": {"type": "string"}}},
}


def router(services: HttpServices) -> APIRouter:
    """The routes of the login page."""
    routes = APIRouter(tags=["login"])
    guessing = asyncio.Lock()
    home = services.subpath + "/"

    def page(language: str, status: int = 200, *, note: str = "", pause: int = 0) -> HTMLResponse:
        def say(key: str, **values: object) -> str:
            return escape(services.localiser.text(key, language, **values))

        told = f'<p class="bad" role="alert">{say(note, seconds=pause)}</p>' if note else ""
        body = (
            f'<form method="post" action="{escape(home)}login">{told}'
            f'<label>{say("login.name")}<input name="name" autocomplete="username" required '
            f'autofocus></label><label>{say("login.password")}<input name="password" '
            f'type="password" autocomplete="current-password" required></label>'
            f"<button>{say('login.enter')}</button></form>"
        )
        headers: Mapping[str, str] = {**HEADERS, "cache-control": "no-store"}
        if pause:
            headers = {**headers, "retry-after": str(pause)}
        return HTMLResponse(plain_page(language, say("login.title"), body), status, headers)

    @routes.get("/login", response_class=HTMLResponse, responses={303: ONWARDS})
    def show(request: Request) -> Response:
        if not services.accounts:
            return RedirectResponse(home, 303)
        return page(language_of(request.headers))

    @routes.post(
        "/login",
        status_code=303,
        response_class=RedirectResponse,
        responses={303: ONWARDS, 401: REFUSED, 429: REFUSED},
    )
    async def enter(
        request: Request,
        name: Annotated[str, Form(max_length=64)],
        password: Annotated[str, Form(max_length=1000)],
    ) -> Response:
        language, throttle = language_of(request.headers), services.access.throttle
        address = request.client.host if request.client else ""
        async with guessing:
            pause = throttle.pause(address)
            if pause:
                return page(language, 429, note="login.pause", pause=pause)
            if not await asyncio.to_thread(services.accounts.check, name, password):
                throttle.failed(address)
                await asyncio.sleep(FAILURE_SECONDS)
                return page(language, 401, note="login.failed")
        throttle.succeeded(address)
        answer = RedirectResponse(home, 303)
        answer.set_cookie(
            SESSION_COOKIE,
            services.accounts.session(name),
            max_age=SESSION_SECONDS,
            path=home,
            httponly=True,
            samesite="lax",
            secure=urlsplit(str(request.url)).scheme == "https",
        )
        return answer

    @routes.post(
        "/logout", status_code=303, response_class=RedirectResponse, responses={303: ONWARDS}
    )
    def leave() -> Response:
        answer = RedirectResponse(f"{home}login", 303)
        answer.delete_cookie(SESSION_COOKIE, path=home)
        return answer

    return routes
