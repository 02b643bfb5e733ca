"""Of Gradio's routes the page needs a few; the others are not there.

Gradio brings uploads, a proxy, files by path, a code editor and more for pages that use them.
Ours does not, so nobody can reach them.
"""

from __future__ import annotations

import re

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

NEEDED = (
    "/",
    "/config",
    "/theme.css",
    "/favicon.ico",
    "/manifest.json",
    "/robots.txt",
    "/assets/{path}",
    "/static/{path}",
    "/svelte/{path}",
    "/gradio_api/app_id",
    "/gradio_api/info",
    "/gradio_api/startup-events",
    "/gradio_api/theme.css",
    "/gradio_api/run/{name}",
    "/gradio_api/queue/join",
    "/gradio_api/queue/data",
    "/gradio_api/heartbeat/{session}",
    "/gradio_api/cancel",
    "/gradio_api/reset",
)
"""What a browser with our page asks of Gradio."""

_NEEDED = re.compile("|".join(re.sub(r"\\{\w+\\}", ".+", re.escape(path)) for path in NEEDED))


class OnlyNeeded:
    """ASGI application: Gradio's, for the paths in `NEEDED`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request (ASGI)."""
        path = scope.get("path", "/") or "/"
        if scope["type"] == "http" and not _NEEDED.fullmatch(path):
            answer = JSONResponse({"detail": "Not Found"}, 404)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)
