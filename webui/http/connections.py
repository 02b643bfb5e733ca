"""Connections that say nothing: uvicorn would keep them for as long as a client likes.

A body that stops coming is the business of `webui.http.limits`; this is about what comes before a
request is there, and about how many connections one address may have.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from webui.services.throttle import network_of

HEADER_SECONDS = 30.0
"""A connection on which no request was begun, or its headers are not whole, for so long is closed.
So is one on which a body still comes this long after its answer."""

MOST_EACH = 256
"""Connections of one address (one /64 of IPv6). A browser has six, and one for the events."""

MOST_UNREAD = 32 * 2**20
"""Bytes of a body that nobody reads, since its answer is there. More of them end the connection;
so many are thrown away, as who sends first and reads then would not see the answer otherwise."""

UNCOUNTED: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network] = (
    ipaddress.IPv4Network("127.0.0.0/8"),
    ipaddress.IPv6Network("::1/128"),
)
"""This machine itself: behind a reverse proxy on it, everybody comes from there."""


class PatientProtocol(H11Protocol):
    """uvicorn's protocol, with an end to its patience."""

    _timer: asyncio.TimerHandle | None = None
    _network = ""
    _unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Counts a new connection, and closes it where its address has too many."""
        super().connection_made(transport)
        self._network = _counted(self.client)
        if self._network and self._of_this_network() > MOST_EACH:
            transport.abort()
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Reads; once a request is there, the limits take over."""
        super().data_received(data)
        over = self.cycle is not None and self.cycle.response_complete
        unread = over and self.conn.their_state is h11.SEND_BODY
        self._unread = self._unread + len(data) if unread else 0
        if self._unread > MOST_UNREAD:
            self.transport.close()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets it."""
        self._rest()
        super().connection_lost(exc)

    def _of_this_network(self) -> int:
        others: set[Any] = self.connections
        return sum(getattr(one, "_network", None) == self._network for one in others)

    def _watch(self) -> None:
        if self.transport.is_closing() or (self.cycle and not self.cycle.response_complete):
            self._rest()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _counted(client: tuple[str, int] | None) -> str:
    """The network that this client counts for; "" for none."""
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None) or address
    if any(mapped in network for network in UNCOUNTED):
        return ""
    return network_of(str(mapped))
