"""From the threads that know what happens to the browsers that show it.

Steps are lossy: to a slow browser only the newest one of a job goes out. Everything else is
kept in order; a browser that falls behind by more than the bound is let go, and finds the
whole state in the snapshot when it connects again.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

Payload = Mapping[str, Any]

LOSSY = "step"
REPLAY_EVENTS = 1000
SUBSCRIBER_EVENTS = 2000


@dataclass(frozen=True)
class Event:
    """What one subscriber gets: ids grow, also over a restart of the server."""

    id: int
    kind: str
    payload: Payload


@dataclass(frozen=True)
class _Published:
    """An event with both its faces: the owner's, and the one for everybody else, if any."""

    id: int
    kind: str
    owner: str | None
    payload: Payload
    others: Payload | None

    def for_viewer(self, viewer: str) -> Event | None:
        mine = self.owner is None or self.owner == viewer
        payload = self.payload if mine else self.others
        return None if payload is None else Event(self.id, self.kind, payload)


class Subscription:
    """One browser's events: an async iterator. End it with `close` or `async with`.

    `complete` is False when events since the asked-for id are lost: take a snapshot.
    """

    def __init__(
        self, hub: EventHub, owner: str, limit: int, only: Callable[[Event], bool] | None = None
    ) -> None:
        self.owner = owner
        self._only = only
        self.complete = True
        self._hub = hub
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._filled = asyncio.Event()
        self._lock = threading.Lock()
        self._waiting: OrderedDict[int, Event] = OrderedDict()
        self._newest_step: dict[str, int] = {}
        self._closed = False

    def offer(self, event: Event) -> None:
        """Puts an event into the line. From any thread; never blocks."""
        if self._only is not None and not self._only(event):
            return
        with self._lock:
            if self._closed:
                return
            if event.kind == LOSSY:
                event = self._displace(event)
            self._waiting[event.id] = event
            self._closed = len(self._waiting) > self._limit
        self._wake()

    def _displace(self, event: Event) -> Event:
        job_id = event.payload["job_id"]
        older = self._waiting.pop(self._newest_step.get(job_id, -1), None)
        self._newest_step[job_id] = event.id
        if older and not event.payload.get("preview") and older.payload.get("preview"):
            # Few steps have a preview; the slow browser shall see the newest one there is.
            return Event(
                event.id, event.kind, {**event.payload, "preview": older.payload["preview"]}
            )
        return event

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._filled.set)
        except RuntimeError:  # the loop is closed: nobody listens any more
            self.close()

    def __aiter__(self) -> Subscription:
        """The subscription is its own iterator."""
        return self

    async def __anext__(self) -> Event:
        """The next event; ends when the subscription or the hub is closed, or it fell behind."""
        while True:
            with self._lock:
                if self._closed:
                    break
                if self._waiting:
                    _, event = self._waiting.popitem(last=False)
                    if event.kind == LOSSY:
                        self._newest_step.pop(event.payload["job_id"], None)
                    return event
                self._filled.clear()
            await self._filled.wait()
        self.close()
        raise StopAsyncIteration

    def close(self) -> None:
        """Ends the subscription, also while somebody waits for its next event."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
        self._hub.forget(self)
        if not self._loop.is_closed():
            self._wake()

    async def __aenter__(self) -> Subscription:
        """Nothing to do: it listens since it was made."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes it."""
        self.close()


class EventHub:
    """Hands events to all who may see them. Thread-safe."""

    def __init__(
        self, *, replay: int = REPLAY_EVENTS, subscriber_limit: int = SUBSCRIBER_EVENTS
    ) -> None:
        # Ids start from the clock, so that an id of an earlier server is recognised as old.
        self._ids = itertools.count(time.time_ns() // 1_000)
        self._recent: deque[_Published] = deque(maxlen=replay)
        self._dropped = self._last = next(self._ids)
        self._subscriptions: set[Subscription] = set()
        self._subscriber_limit = subscriber_limit
        self._lock = threading.Lock()
        self._closed = False

    def publish(
        self,
        kind: str,
        payload: Payload,
        *,
        owner: str | None = None,
        others: Payload | None = None,
    ) -> int:
        """Sends `payload` to `owner`, or to all without one; `others` to everybody else.

        Returns the event's id. Payloads of kind "step" need a "job_id".
        """
        with self._lock:
            published = _Published(next(self._ids), kind, owner, payload, others)
            self._last = published.id
            if kind != LOSSY:
                if len(self._recent) == self._recent.maxlen:
                    self._dropped = self._recent[0].id
                self._recent.append(published)
            subscriptions = tuple(self._subscriptions)
            # Offered under the lock: two publishers must not reach a browser in turned order.
            for subscription in subscriptions:
                event = published.for_viewer(subscription.owner)
                if event:
                    subscription.offer(event)
        return published.id

    @property
    def closed(self) -> bool:
        """Whether it is over: nobody hears anything any more."""
        return self._closed

    def subscribe(
        self, owner: str, after: int | None = None, only: Callable[[Event], bool] | None = None
    ) -> Subscription:
        """Listens from now on, or from the event after the id `after`. Needs a running loop.

        `only`: which events wake it, where it is after a few. Called from any thread.
        """
        subscription = Subscription(self, owner, self._subscriber_limit, only)
        with self._lock:
            if self._closed:
                subscription._closed = True
                return subscription
            if after is not None:
                subscription.complete = self._dropped <= after <= self._last
                for published in self._recent:
                    event = published.for_viewer(owner) if published.id > after else None
                    if event:
                        subscription.offer(event)
            self._subscriptions.add(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """Stops sending to a subscription."""
        self._subscriptions.discard(subscription)

    def close(self) -> None:
        """Ends all subscriptions, so that their connections can end."""
        with self._lock:
            self._closed = True
            subscriptions = tuple(self._subscriptions)
        for subscription in subscriptions:
            subscription.close()
