"""The one authentication layer: every request passes here before any route sees it.

It checks, in this order: the Host header (against DNS rebinding), the Origin of whatever
changes something (against pages of other sites), and who asks (session cookie or Basic).
"""

from __future__ import annotations

import binascii
import ipaddress
from base64 import b64decode
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webui.core import errors
from webui.http.identity import (
    LANGUAGE_COOKIE,
    LANGUAGE_HEADER,
    OWNER_HEADER,
    SESSION_COOKIE,
)
from webui.services.accounts import LOCAL, Accounts
from webui.services.localisation import Localiser
from webui.services.settings import LOOPBACK_NAMES

LOGIN = "/login"
OPEN_PATHS = frozenset({LOGIN, "/favicon.ico"})
"""What a stranger may see: the login page, which needs nothing else."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SAFE_SITES = frozenset({"same-origin", "none"})
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "SAMEORIGIN",
}


class Gate:
    """ASGI middleware around the whole application, the loading page included."""

    def __init__(
        self,
        app: ASGIApp,
        accounts: Accounts,
        localiser: Localiser,
        *,
        open_to_network: bool,
        allowed_hosts: Iterable[str] = (),
    ) -> None:
        self._app = app
        self._accounts = accounts
        self._localiser = localiser
        self._open_to_network = open_to_network
        self._hosts = {name.casefold() for name in [*LOOPBACK_NAMES, *allowed_hosts]}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection (ASGI)."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        language = self._language(headers)
        refusal = self._refusal(scope, headers)
        if refusal:
            await self._refuse(403, refusal, language)(scope, receive, send)
            return
        owner = self._owner(headers)
        if owner is None and scope["path"] not in OPEN_PATHS:
            await self._ask_for_login(scope, headers, language)(scope, receive, send)
            return
        own = MutableHeaders(raw=list(scope["headers"]))
        own[OWNER_HEADER] = quote(owner or LOCAL, safe="")
        own[LANGUAGE_HEADER] = language
        await self._app({**scope, "headers": own.raw}, receive, _guarded(send))

    def _refusal(self, scope: Scope, headers: Headers) -> errors.Message | None:
        host = headers.get("host", "")
        if not self._known_host(host):
            return errors.Message("error.host", {"got": host[:100]})
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if changes and not _same_origin(headers, host):
            return errors.Message("error.origin", {"got": headers.get("origin", "")[:100]})
        return None

    def _known_host(self, host: str) -> bool:
        """Loopback names always; on a network also addresses, which no rebinding can forge."""
        name = _host_name(host)
        if name.casefold() in self._hosts:
            return True
        if not self._open_to_network:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return "." not in name or name.casefold().endswith((".local", ".lan", ".internal"))
        return True

    def _owner(self, headers: Headers) -> str | None:
        """The account's name; `LOCAL` on a server without accounts; None for a stranger."""
        if not self._accounts:
            return LOCAL
        session = _cookies(headers).get(SESSION_COOKIE)
        name = self._accounts.name_of(session) if session else None
        return name or self._basic(headers.get("authorization", ""))

    def _basic(self, authorization: str) -> str | None:
        kind, _, encoded = authorization.partition(" ")
        if kind.casefold() != "basic":
            return None
        try:
            name, _, password = b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return None
        return name if self._accounts.check(name, password) else None

    def _language(self, headers: Headers) -> str:
        chosen = _cookies(headers).get(LANGUAGE_COOKIE, "")
        return self._localiser.negotiate(headers.get("accept-language", ""), chosen)

    def _ask_for_login(self, scope: Scope, headers: Headers, language: str) -> Response:
        page = scope["type"] == "http" and "text/html" in headers.get("accept", "")
        if page and scope["method"] == "GET":
            return RedirectResponse(LOGIN, 303)
        answer = self._refuse(401, errors.Message("error.login_needed"), language)
        if "sec-fetch-mode" not in headers:  # a program; in a browser this would pop up a box
            answer.headers["www-authenticate"] = 'Basic realm="Inkstone", charset="UTF-8"'
        return answer

    def _refuse(self, status: int, message: errors.Message, language: str) -> Response:
        text = self._localiser.message(message, language)
        problem = {**message.to_json(), "text": text}
        return JSONResponse({"detail": text, "problems": [problem]}, status)


def _same_origin(headers: Headers, host: str) -> bool:
    """Whether a change comes from our own page, or from a program, which sends no Origin."""
    origin = headers.get("origin")
    if origin is not None:
        return origin != "null" and urlsplit(origin).netloc.casefold() == host.casefold()
    return headers.get("sec-fetch-site", "none") in SAFE_SITES


def _host_name(host: str) -> str:
    """The name in a Host header, without port and brackets; "" for nonsense."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _cookies(headers: Headers) -> dict[str, str]:
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _guarded(send: Send) -> Send:
    """Adds the headers that every answer carries."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                answer.setdefault(name, value)
        await send(message)

    return guarded
