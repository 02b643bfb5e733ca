"""The one authentication layer: every request passes here before any route sees it.

It checks, in this order: the Host header (against DNS rebinding), where a request of a browser
comes from (against pages of other sites), and who asks. See `webui.http.authentication`.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webui.core import errors
from webui.core.validation import shorten
from webui.http.answers import problem, refusal
from webui.http.authentication import Authentication, TooManyGuessesError
from webui.http.cross_origin import allowed_origin, cors_headers, preflight
from webui.http.identity import (
    LANGUAGE_COOKIE,
    LANGUAGE_HEADER,
    MEANS_HEADER,
    OWNER_HEADER,
    cookies,
)
from webui.http.policies import SECURITY_HEADERS
from webui.http.subpath import stripped
from webui.services.accounts import LOCAL
from webui.services.localisation import Localiser
from webui.services.settings import LOOPBACK_NAMES

LOGIN = "/login"
OPEN_PATHS = frozenset({LOGIN, "/favicon.ico"})
"""What a stranger may see: the login page, which needs nothing else."""

_log = logging.getLogger(__name__)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SAFE_SITES = frozenset({"same-origin", "none"})


@dataclass(frozen=True)
class GateOptions:
    """How the server can be reached.

    `allowed_hosts`: further names of it. `cors_origins`: sites whose pages may use the API, with
    credentials of their own. `subpath`: the prefix of all addresses, "/x" or "".
    """

    open_to_network: bool
    allowed_hosts: Iterable[str] = ()
    cors_origins: Collection[str] = ()
    subpath: str = ""


class Gate:
    """ASGI middleware around the whole application, the loading page included."""

    def __init__(
        self,
        app: ASGIApp,
        authentication: Authentication,
        localiser: Localiser,
        options: GateOptions,
    ) -> None:
        self._app = app
        self._authentication = authentication
        self._localiser = localiser
        self._options = options
        self._hosts = {name.casefold() for name in [*LOOPBACK_NAMES, *options.allowed_hosts]}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection (ASGI)."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        language = self._localiser.negotiate(
            headers.get("accept-language", ""), cookies(headers).get(LANGUAGE_COOKIE, "")
        )
        other_site = allowed_origin(headers, self._options.cors_origins)
        send = _guarded(send, cors_headers(other_site) if other_site else {})
        inner = stripped(scope, self._options.subpath)
        answer = self._refusal(scope, headers, language, welcome=bool(other_site))
        if answer is None and other_site and scope.get("method") == "OPTIONS":
            answer = preflight(headers)
        if answer is None and inner["path"] == "":
            answer = RedirectResponse(self._options.subpath + "/", 308)
        if answer is not None:
            await answer(scope, receive, send)
            return
        try:
            address = (scope.get("client") or ("", 0))[0]
            visitor = await self._authentication.visitor(
                inner["path"], headers, address, with_session=not other_site
            )
        except TooManyGuessesError as error:
            message = errors.Message("error.guesses", {"seconds": error.seconds})
            answer = self._refuse(429, message, language)
            answer.headers["retry-after"] = str(error.seconds)
            await answer(scope, receive, send)
            return
        except errors.StorageError as error:
            await self._refuse(507, error.message, language)(scope, receive, send)
            return
        if visitor is None and inner["path"] not in OPEN_PATHS:
            await self._ask_for_login(inner, headers, language)(scope, receive, send)
            return
        own = MutableHeaders(raw=list(scope["headers"]))
        own[OWNER_HEADER] = quote(visitor.owner if visitor else LOCAL, safe="")
        own[MEANS_HEADER] = visitor.means if visitor else ""
        own[LANGUAGE_HEADER] = language
        await self._app({**inner, "headers": own.raw}, receive, send)

    def _refusal(
        self, scope: Scope, headers: Headers, language: str, *, welcome: bool
    ) -> Response | None:
        """Why this request may not come from there; `welcome`: from a site that is allowed to."""
        host = headers.get("host", "")
        if not self._known_host(host):
            _log.warning("%s refused: its host is %s", shorten(scope["path"]), shorten(host))
            return self._refuse(403, errors.Message("error.host", {"got": host[:100]}), language)
        if not welcome and not _same_origin(scope, headers, host):
            origin = headers.get("origin") or headers.get("sec-fetch-site", "")
            _log.warning("%s refused: asked from %s", shorten(scope["path"]), shorten(origin))
            return self._refuse(
                403, errors.Message("error.origin", {"got": origin[:100]}), language
            )
        return None

    def _known_host(self, host: str) -> bool:
        """Loopback names always; on a network also addresses, which no rebinding can forge."""
        name = _host_name(host)
        if name.casefold() in self._hosts:
            return True
        if not self._options.open_to_network:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return "." not in name or name.casefold().endswith((".local", ".lan", ".internal"))
        return True

    def _ask_for_login(self, scope: Scope, headers: Headers, language: str) -> Response:
        page = scope["type"] == "http" and "text/html" in headers.get("accept", "")
        if page and scope["method"] == "GET":
            return RedirectResponse(self._options.subpath + LOGIN, 303)
        answer = self._refuse(401, errors.Message("error.login_needed"), language)
        if "sec-fetch-mode" not in headers:  # a program; in a browser this would pop up a box
            answer.headers["www-authenticate"] = 'Basic realm="Inkstone", charset="UTF-8"'
        return answer

    def _refuse(self, status: int, message: errors.Message, language: str) -> Response:
        return JSONResponse(refusal([problem(message, self._localiser, language)]), status)


def _same_origin(scope: Scope, headers: Headers, host: str) -> bool:
    """Whether a request comes from our own page, from a program, or from a link that was clicked.

    A browser says where a request comes from: Origin with those that change something and with
    streams of other sites, Sec-Fetch-Site with all. Programs send neither.
    """
    origin = headers.get("origin")
    if origin is not None:
        return origin != "null" and _netloc(origin) == host.casefold()
    if headers.get("sec-fetch-site", "none") in SAFE_SITES:
        return True
    visit = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") in (
        "document",
        None,
    )
    return scope["type"] == "http" and scope["method"] in SAFE_METHODS and visit


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.casefold()
    except ValueError:
        return ""


def _host_name(host: str) -> str:
    """The name in a Host header, without port and brackets; "" for nonsense."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _guarded(send: Send, further: Mapping[str, str]) -> Send:
    """Adds the headers that every answer carries, and `further` ones instead of some of them."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer = MutableHeaders(scope=message)
            for name, value in {**SECURITY_HEADERS, **further}.items():
                answer.setdefault(name, value)
        await send(message)

    return guarded
