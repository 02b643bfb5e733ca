"""Connections that say nothing, or not enough, on a server that loses its patience soon."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest
import uvicorn

from tests.running_server import PATIENCE, wait_for
from webui.http import connections
from webui.http.connections import PatientProtocol

ASKING = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def application(scope, receive, send):
    """Answers at once, without reading a body; /slow waits longer than the patience first."""
    if scope["path"] == "/slow":
        await asyncio.sleep(4 * connections.HEADER_SECONDS)
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def port():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "HEADER_SECONDS", 0.3)
        patch.setattr(connections, "MOST_EACH", 5)
        patch.setattr(connections, "UNCOUNTED", connections.UNCOUNTED[1:])
        listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            application, http=PatientProtocol, ws="none", lifespan="off", log_level="critical"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def closed(connection):
    """Waits for the end; what came before it."""
    said = b""
    try:
        while part := connection.recv(1000):
            said += part
    except ConnectionResetError:
        pass
    return said


def answered(connection):
    said = b""
    while not said.endswith(b"ok"):
        part = connection.recv(1000)
        if not part:
            return False
        said += part
    return True


def dripping(connection, piece):
    """Sends a piece again and again until the other side has had enough."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            connection.sendall(piece)
        except OSError:  # broken pipe, or reset
            return
        time.sleep(0.05)
    raise AssertionError("the connection is still there")


def test_who_says_nothing_or_drips_headers_is_sent_away(port):
    with connect(port) as silent, connect(port) as slow:
        dripping(slow, b"x")
        assert closed(silent) == b""
    with connect(port) as second:
        second.sendall(ASKING + b"\r\n")
        assert answered(second)
        dripping(second, b"x")


def test_a_body_that_nobody_reads_does_not_hold_a_connection(port, monkeypatch):
    with connect(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert answered(connection)
        dripping(connection, b"1\r\nx\r\n")
    with connect(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert answered(connection)
        piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        monkeypatch.setattr(connections, "MOST_UNREAD", 10 * len(piece))
        monkeypatch.setattr(connections, "HEADER_SECONDS", 60.0)
        dripping(connection, piece)


def test_a_request_may_take_its_time(port):
    with connect(port) as connection:
        connection.sendall(ASKING.replace(b"/ ", b"/slow ") + b"\r\n")
        assert answered(connection)


def test_one_address_has_so_many_connections(port, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 60.0)
    crowd = [connect(port) for _ in range(5)]
    with connect(port) as further:
        assert closed(further) == b""
    crowd.pop().close()

    def served():
        with connect(port) as one:
            try:
                one.sendall(ASKING + b"Connection: close\r\n\r\n")
                return closed(one).endswith(b"ok")
            except OSError:
                return False

    wait_for(served)
    for one in crowd:
        one.close()
