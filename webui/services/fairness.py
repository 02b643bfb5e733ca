"""Whose turn it is: the owner served longest ago first, first come first served within one."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Waiting(NamedTuple):
    """A queued job, as far as its turn is concerned."""

    sequence: int
    id: str
    owner: str


def fair_order(waiting: Iterable[Waiting], served: Mapping[str, int]) -> list[str]:
    """The ids of the queued jobs in the order in which they will start.

    `served` has the number of each owner's latest start, counted over all starts; owners who
    are not in it were never served. With k owners waiting, each gets every k-th start.
    """
    lines: dict[str, list[Waiting]] = {}
    for job in sorted(waiting, reverse=True):
        lines.setdefault(job.owner, []).append(job)
    turn = max(served.values(), default=0)
    heap = [(served.get(owner, 0), line[-1].sequence, owner) for owner, line in lines.items()]
    heapq.heapify(heap)
    order = []
    while heap:
        _, _, owner = heapq.heappop(heap)
        order.append(lines[owner].pop().id)
        turn += 1
        if lines[owner]:
            heapq.heappush(heap, (turn, lines[owner][-1].sequence, owner))
    return order
