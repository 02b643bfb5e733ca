"""How much one may send: the length of bodies, how many large ones arrive together, how often.

Stands behind the gate, so that owners are known, and in front of everything that reads a body.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webui.core import errors
from webui.http.answers import known_refusal, problem
from webui.http.identity import language_of, owner_of
from webui.services.localisation import Localiser
from webui.services.throttle import Rate

MEGABYTE = 2**20
LARGE = 4 * MEGABYTE
"""From this length on a body needs a place."""

PLACES = 6
PLACES_EACH = 3
"""Large bodies that arrive together, of all and of one owner; further ones wait unread."""

PLACE_SECONDS = 60.0
"""A body that waits longer for its place is refused."""

STALL_SECONDS = 30.0
"""A body of which nothing comes for so long is given up."""

WHOLE_SECONDS = 900.0
"""A body that takes longer in all is given up, however steadily it comes."""

LINGER_SECONDS = 3.0
LINGER_BYTES = 32 * 2**20
"""What still comes of a refused body is thrown away, so long and so much of it: who sends first and
reads then would see a broken connection in place of the refusal."""

PLAIN = 2 * MEGABYTE
ROOM = (
    ("/sdapi/", 192 * MEGABYTE),
    ("/api/picture-info", 51 * MEGABYTE),
    ("/api/infotext", 8 * MEGABYTE),
    ("/api/inputs", 1024 * MEGABYTE),
)
"""The most that routes take, by the beginning of their paths. Those of pictures count by themselves
too, and may take less; all others take `PLAIN`."""

STREAMED = "/api/inputs"
"""Bodies that go to the disk in pieces; the route itself lets few of them arrive together."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
BURST_SECONDS = 15


class _RefusedError(Exception):
    """Ends the application's reading; the answer is made outside of it."""


KINDS = MappingProxyType({408: "RequestTimeout", 413: "TooLarge", 429: "TooManyRequests"})
"""What a refusal is called, by its status."""


@dataclass
class _Verdict:
    """What is wrong with a request. `wait`: seconds until it may be sent again, 0 for none."""

    status: int
    message: errors.Message
    wait: int = 0


class Limits:
    """ASGI middleware. `rate`: changes per second and owner in the long run, 0 for any number."""

    def __init__(self, app: ASGIApp, localiser: Localiser, *, rate: float = 20.0) -> None:
        self._app = app
        self._localiser = localiser
        self._rate = Rate(rate, max(1.0, rate * BURST_SECONDS)) if rate > 0 else None
        self._places = PlaceKeeper()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection (ASGI)."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        owner = owner_of(headers)
        wait = self._rate.take(owner) if self._rate else 0
        if wait:
            message = errors.Message("error.rate", {"seconds": wait})
            await self._answer(headers, _Verdict(429, message, wait))(scope, receive, send)
            return
        await _Body(self._app, self._places, scope, receive, send).run(owner, headers, self._answer)

    def _answer(self, headers: Headers, verdict: _Verdict) -> Response:
        """The refusal, in the form of all others. The connection ends: the body is not read."""
        told = problem(verdict.message, self._localiser, language_of(headers))
        further = {"retry-after": str(verdict.wait)} if verdict.wait else {}
        further["connection"] = "close"
        body = known_refusal(KINDS[verdict.status], [told])
        return JSONResponse(body, verdict.status, headers=further)


class PlaceKeeper:
    """Counts the large bodies that arrive just now. Lives on the event loop."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()
        self._waiting: set[asyncio.Future[None]] = set()

    async def take(self, owner: str, patience: float = PLACE_SECONDS) -> bool:
        """Waits for a place; False when there was none in time."""
        ends = time.monotonic() + patience
        while sum(self._taken.values()) >= PLACES or self._taken[owner] >= PLACES_EACH:
            news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(news)
            try:
                await asyncio.wait_for(news, max(0.0, ends - time.monotonic()))
            except asyncio.TimeoutError:
                return False
            finally:
                self._waiting.discard(news)
        self._taken[owner] += 1
        return True

    def leave(self, owner: str) -> None:
        """Gives a place back."""
        self._taken[owner] -= 1
        if not self._taken[owner]:
            del self._taken[owner]
        for news in self._waiting:
            if not news.done():
                news.set_result(None)


class _Body:
    """One request with its body, watched as it comes."""

    def __init__(
        self, app: ASGIApp, places: PlaceKeeper, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._app = app
        self._places = places
        self._scope = scope
        self._receive = receive
        self._send = send
        self._limit = next((n for path, n in ROOM if scope["path"].startswith(path)), PLAIN)
        self._streamed = scope["path"].startswith(STREAMED)
        self._verdict: _Verdict | None = None
        self._length = 0
        self._ended = self._placed = self._answered = False
        self._started = time.monotonic()
        self._owner = ""

    async def run(
        self, owner: str, headers: Headers, answer: Callable[[Headers, _Verdict], Response]
    ) -> None:
        """Lets the application handle it; answers in its place when the body breaks a rule."""
        self._owner = owner
        announced = headers.get("content-length", "")
        try:
            if announced.isdecimal():
                await self._measure(int(announced[:20]))
            await self._app(self._scope, self._next, self._pass)
        except _RefusedError:
            pass
        finally:
            self._leave()
        if self._verdict and not self._answered:
            response = answer(headers, self._verdict)
            start = {"type": "http.response.start", "status": response.status_code}
            await self._send({**start, "headers": response.raw_headers})
            body = {"type": "http.response.body", "body": response.body}
            await self._send({**body, "more_body": True})
            stalled = self._verdict.status == HTTPStatus.REQUEST_TIMEOUT
            if not (self._ended or stalled or "expect" in headers):
                await self._drain()
            await self._send({"type": "http.response.body", "body": b""})

    async def _drain(self) -> None:
        ends, left = time.monotonic() + LINGER_SECONDS, LINGER_BYTES
        more = True
        while more and left > 0:
            try:
                rest = ends - time.monotonic()
                message = await asyncio.wait_for(self._receive(), max(rest, 0.0))
            except asyncio.TimeoutError:
                return
            left -= len(message.get("body", b""))
            more = message.get("more_body", False)

    async def _measure(self, length: int) -> None:
        if length > self._limit:
            values = {"high": self._limit // MEGABYTE}
            self._refuse(413, errors.Message("error.body_long", values))
        if length > LARGE and not self._placed and not self._streamed:
            self._placed = await self._places.take(self._owner)
            if not self._placed:
                self._refuse(429, errors.Message("error.body_many", {"seconds": 2}), wait=2)

    def _refuse(self, status: int, message: errors.Message, *, wait: int = 0) -> None:
        self._verdict = _Verdict(status, message, wait)
        raise _RefusedError

    def _leave(self) -> None:
        if self._placed:
            self._placed = False
            self._places.leave(self._owner)

    async def _next(self) -> Message:
        if self._verdict:
            raise _RefusedError
        if self._ended:
            return await self._receive()
        left = WHOLE_SECONDS - (time.monotonic() - self._started)
        try:
            message = await asyncio.wait_for(self._receive(), min(STALL_SECONDS, max(left, 0.01)))
        except asyncio.TimeoutError:
            self._refuse(408, errors.Message("error.body_stalled", {"seconds": int(STALL_SECONDS)}))
        self._length += len(message.get("body", b""))
        await self._measure(self._length)
        self._ended = not message.get("more_body", False)
        if self._ended:
            self._leave()
        return message

    async def _pass(self, message: Message) -> None:
        """What the application says, unless the verdict was before it."""
        if self._verdict and not self._answered:
            return
        self._answered = True
        await self._send(message)
