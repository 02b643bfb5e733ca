"""Keeps the server small: answers are packed with gzip at most.

Gradio packs its scripts with Brotli whenever a browser offers it. That takes the process from
160 to over 300 MB when a page loads its hundred files at once, for a few kilobytes less.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

_BROTLI = re.compile(rb"\bbr\b(;q=[\d.]+)?\s*,?\s*")


class NoBrotli:
    """Middleware that removes Brotli from what the browser offers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection (ASGI)."""
        if scope["type"] == "http":
            headers = [
                (name, _BROTLI.sub(b"", value) if name == b"accept-encoding" else value)
                for name, value in scope["headers"]
            ]
            scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)
