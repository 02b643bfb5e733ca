"""/login and /logout: a page of its own that needs no script and no other file."""

from __future__ import annotations

import asyncio
from html import escape
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from webui.http.identity import SESSION_COOKIE, language_of
from webui.http.plain_page import plain_page
from webui.http.services import HttpServices
from webui.services.accounts import SESSION_SECONDS

FAILURE_SECONDS = 0.5
"""A wrong password costs this long, whoever asks, and one guess at a time."""


def router(services: HttpServices) -> APIRouter:
    """The routes of the login page."""
    routes = APIRouter(tags=["login"])
    guessing = asyncio.Lock()

    def page(language: str, status: int = 200, *, failed: bool = False) -> HTMLResponse:
        def say(key: str) -> str:
            return escape(services.localiser.text(key, language))

        note = f'<p class="bad" role="alert">{say("login.failed")}</p>' if failed else ""
        body = (
            f'<form method="post" action="/login">{note}'
            f'<label>{say("login.name")}<input name="name" autocomplete="username" required '
            f'autofocus></label><label>{say("login.password")}<input name="password" '
            f'type="password" autocomplete="current-password" required></label>'
            f"<button>{say('login.enter')}</button></form>"
        )
        return HTMLResponse(plain_page(language, say("login.title"), body), status)

    @routes.get("/login")
    def show(request: Request) -> Response:
        if not services.accounts:
            return RedirectResponse("/", 303)
        return page(language_of(request.headers))

    @routes.post("/login")
    async def enter(
        request: Request,
        name: Annotated[str, Form(max_length=64)],
        password: Annotated[str, Form(max_length=1000)],
    ) -> Response:
        if not await asyncio.to_thread(services.accounts.check, name, password):
            async with guessing:
                await asyncio.sleep(FAILURE_SECONDS)
            return page(language_of(request.headers), 401, failed=True)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            SESSION_COOKIE,
            services.accounts.session(name),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="lax",
            secure=urlsplit(str(request.url)).scheme == "https",
        )
        return answer

    @routes.post("/logout")
    def leave() -> Response:
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(SESSION_COOKIE)
        return answer

    return routes
