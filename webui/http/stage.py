"""Lets the port answer before the application is there: a page that says what is loading.

The stage is what uvicorn serves. It shows the loading page until `present` puts the finished
application on it, and runs that application's lifespan, which uvicorn has already passed.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from html import escape

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from webui.core.errors import Message
from webui.http.identity import language_of
from webui.http.plain_page import HEADERS, plain_page
from webui.services.localisation import Localiser

WAITING = b"opening"
"""The query with which the loading page asks again: that answer waits until there is news."""

WAIT_SECONDS = 10.0
API_PATHS = ("/api/", "/sdapi/", "/internal/")
"""What programs ask; they get a status to try again, not a page."""

LOADING = Message("loading.title")


class Stage:
    """An ASGI application that is replaced once while it runs."""

    def __init__(self, localiser: Localiser, subpath: str = "") -> None:
        self._localiser = localiser
        self._subpath = subpath
        self._app: ASGIApp | None = None
        self._message = LOADING
        self._failed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lifespans = AsyncExitStack()
        self._news: asyncio.Event | None = None

    def say(self, message: Message, *, failed: bool = False) -> None:
        """Changes what the loading page says; a failed start stays on the page."""
        self._message, self._failed = message, failed
        self._tell()

    def present(self, app: Starlette) -> None:
        """Puts the application on the stage; called from another thread than the loop's."""
        if self._loop is None:
            return
        entering = self._lifespans.enter_async_context(app.router.lifespan_context(app))
        asyncio.run_coroutine_threadsafe(entering, self._loop).result()
        self._app = app
        self._tell()

    def _tell(self) -> None:
        """Answers all waiting pages."""
        if self._loop is not None and self._news is not None:
            news, self._news = self._news, asyncio.Event()
            self._loop.call_soon_threadsafe(news.set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection (ASGI)."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            if scope["query_string"] == WAITING and self._news is not None:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._news.wait(), WAIT_SECONDS)
            answer = self._loading_page(scope) if self._app is None else _home(scope, self._subpath)
            await answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1013})

    async def _live(self, receive: Receive, send: Send) -> None:
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._lifespans.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    def _loading_page(self, scope: Scope) -> ASGIApp:
        headers = Headers(scope=scope)
        language = language_of(headers)
        text = self._localiser.message(self._message, language)
        caching = {"cache-control": "no-store"}
        if scope["path"].startswith(API_PATHS):
            return JSONResponse({"detail": text}, 503, headers={**caching, "retry-after": "1"})
        bar = "" if self._failed else '<div class="bar"></div>'
        again = "" if self._failed else f"?{WAITING.decode()}"
        page = plain_page(language, escape(text), bar, again=again)
        status = 500 if self._failed else 200
        return HTMLResponse(
            page, status, headers={**HEADERS, **caching, "x-inkstone-state": "loading"}
        )


def _home(scope: Scope, subpath: str) -> ASGIApp:
    """Sends a page that has waited to the application, without the query."""
    return RedirectResponse(subpath + scope["path"], 303)
