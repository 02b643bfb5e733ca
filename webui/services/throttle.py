"""Slows down those who ask too often: a pause that grows with wrong guesses, and a rate."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

FREE_GUESSES = 10
"""Wrong passwords from one address that cost nothing but their time."""

LONGEST_PAUSE = 60.0
FORGET_SECONDS = 900.0
"""So long after the last wrong guess an address begins anew."""

MOST_KEYS = 10_000


@dataclass
class _Guesses:
    count: int = 0
    latest: float = 0.0


class Throttle:
    """Counts wrong passwords by address. Thread-safe; remembers a bounded number of addresses."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._guesses: OrderedDict[str, _Guesses] = OrderedDict()

    def pause(self, address: str) -> int:
        """Whole seconds until this address may guess again; 0 for at once."""
        with self._lock:
            found = self._guesses.get(network_of(address))
            now = self._clock()
            if found is None or now - found.latest > FORGET_SECONDS:
                return 0
            over = found.count - FREE_GUESSES
            wait = min(LONGEST_PAUSE, 2.0 ** min(over, 30)) if over >= 0 else 0.0
            return max(0, ceil(found.latest + wait - now))

    def failed(self, address: str) -> None:
        """Counts a wrong guess."""
        key, now = network_of(address), self._clock()
        with self._lock:
            found = self._guesses.setdefault(key, _Guesses())
            if now - found.latest > FORGET_SECONDS:
                found.count = 0
            found.count, found.latest = found.count + 1, now
            self._guesses.move_to_end(key)
            while len(self._guesses) > MOST_KEYS:
                self._guesses.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forgets the wrong guesses of an address."""
        with self._lock:
            self._guesses.pop(network_of(address), None)


class Rate:
    """A bucket of `burst` permits for each key, filled with `per_second`. Thread-safe."""

    def __init__(
        self, per_second: float, burst: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> int:
        """Takes a permit: 0, or the whole seconds until there is one (then none is taken)."""
        now = self._clock()
        with self._lock:
            left, since = self._buckets.get(key, (self._burst, now))
            left = min(self._burst, left + (now - since) * self._per_second)
            enough = left >= 1
            self._buckets[key] = (left - 1 if enough else left, now)
            self._buckets.move_to_end(key)
            while len(self._buckets) > MOST_KEYS:
                self._buckets.popitem(last=False)
        return 0 if enough else max(1, ceil((1 - left) / self._per_second))


def network_of(address: str) -> str:
    """The address; of IPv6 the /64 network, which one subscriber has to himself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
