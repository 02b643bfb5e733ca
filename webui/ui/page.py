"""Our lines in the head of Gradio's page.

Gradio adds its `head` option from a script, after the page was drawn. Language, theme and
styles must be there before that, so they are put into the HTML on its way out.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STYLES = (
    "tokens.css",
    "layout.css",
    "form.css",
    "parts.css",
    "tools.css",
    "editor.css",
    "img2img.css",
    "extras.css",
)
MARK = b"<head>"


def head_tags(assets: str, version: str, data: str) -> str:
    """The tags: page data, the script that runs first, styles, and the modules.

    `data` is JSON. The version in the addresses makes browsers fetch new files after an update.
    """
    suffix = f"?v={escape(version)}"
    styles = "".join(f'<link rel="stylesheet" href="{assets}/{name}{suffix}">' for name in STYLES)
    safe_data = data.replace("<", "\\u003c")
    return (
        f'<script type="application/json" id="ink-data">{safe_data}</script>'
        f'<script src="{assets}/early.js{suffix}"></script>{styles}'
        f'<script type="module" src="{assets}/main.js{suffix}"></script>'
    )


class PageHead:
    """Middleware that adds `tags` to the page at "/"; every other answer passes untouched.

    `policy`: makes the page's Content-Security-Policy of its HTML.
    """

    def __init__(self, app: ASGIApp, tags: str, policy: Callable[[bytes], str]) -> None:
        self._app = app
        self._tags = tags.encode()
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request (ASGI)."""
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        # The page must come unpacked, or there is no head to find in it.
        headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        start: Message | None = None
        body = b""

        async def collect(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body") or start is None:
                return
            page = self._with_tags(body, Headers(raw=start["headers"]))
            if page is not body:
                head = MutableHeaders(scope=start)
                head["content-length"] = str(len(page))
                head["content-security-policy"] = self._policy(page)
            await send(start)
            await send({"type": "http.response.body", "body": page})

        await self._app({**scope, "headers": headers}, receive, collect)

    def _with_tags(self, body: bytes, headers: Headers) -> bytes:
        if not headers.get("content-type", "").startswith("text/html") or MARK not in body:
            return body
        return body.replace(MARK, MARK + self._tags, 1)
