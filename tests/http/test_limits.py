"""The limits themselves, with an application that reads slowly and clients that stop sending."""

from __future__ import annotations

import asyncio

import pytest

from webui.http import limits
from webui.http.limits import LARGE, Limits, PlaceKeeper
from webui.services.localisation import Localiser


def ask(parts, *, path="/sdapi/v1/txt2img", **headers):
    """What the limits answer: the statuses, in order; the application echoes the length."""
    said = []

    async def application(scope, receive, send):
        length, more = 0, True
        while more:
            message = await receive()
            length += len(message.get("body", b""))
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(length).encode()})

    waiting = list(parts)

    async def receive():
        if not waiting:
            await asyncio.Event().wait()
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": body != b""}

    async def send(message):
        said.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path,
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }  # fmt: skip
    asyncio.run(Limits(application, Localiser())(scope, receive, send))
    return said[0]["status"], said[-1]["body"]


def test_a_body_that_stops_coming_is_given_up(monkeypatch):
    assert ask([b"abc", b"de", b""]) == (200, b"5")
    monkeypatch.setattr(limits, "STALL_SECONDS", 0.05)
    assert ask([b"abc"])[0] == 408
    monkeypatch.setattr(limits, "WHOLE_SECONDS", 0.0)
    assert ask([b"abc"])[0] == 408


def test_bodies_of_different_routes_have_different_room():
    piece = bytes(3 * 2**20)
    assert ask([piece, b""]) == (200, str(len(piece)).encode())
    assert ask([piece, b""], path="/api/jobs")[0] == 413


def test_few_large_bodies_arrive_together_and_nobody_takes_all_places():
    async def play():
        places = PlaceKeeper()
        taken = [await places.take("ann", 0.01) for _ in range(limits.PLACES_EACH + 1)]
        assert taken == [True] * limits.PLACES_EACH + [False]
        others = [await places.take("bob", 0.01) for _ in range(limits.PLACES_EACH)]
        assert all(others)
        assert not await places.take("cid", 0.01)
        waiting = asyncio.ensure_future(places.take("cid", 30))
        await asyncio.sleep(0)
        places.leave("ann")
        assert await waiting

    asyncio.run(play())


def test_a_place_is_given_back_however_a_body_ends(monkeypatch):
    monkeypatch.setattr(limits, "PLACES", 1)
    monkeypatch.setattr(limits, "PLACE_SECONDS", 0.01)
    monkeypatch.setattr(limits, "STALL_SECONDS", 0.05)
    monkeypatch.setattr(limits, "LINGER_SECONDS", 0.05)
    assert LARGE < 5 * 2**20

    async def play():
        places = PlaceKeeper()
        for _ in range(2):
            assert await places.take("ann", 0.01)
            places.leave("ann")

    asyncio.run(play())
    assert ask([bytes(5 * 2**20), b""])[0] == 200
    assert ask([], content_length=str(300 * 2**20))[0] == 413


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_is_not_limited(method):
    async def play():
        seen = []

        async def application(scope, receive, send):
            seen.append(receive)

        async def nothing():
            return {}

        scope = {"type": "http", "method": method, "path": "/", "headers": []}
        await Limits(application, Localiser(), rate=0.001)(scope, nothing, nothing)
        await Limits(application, Localiser(), rate=0.001)(scope, nothing, nothing)
        assert seen == [nothing, nothing]

    asyncio.run(play())
