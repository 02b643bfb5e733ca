"""The table of routes, walked: no route, method or stream is without the gate in front of it."""

from __future__ import annotations

import base64
import http.client
import re
from dataclasses import fields

import pytest

from tests.running_server import PATIENCE, running
from webui.http.app import create_app
from webui.http.services import HttpServices
from webui.ui.narrowing import NEEDED

BOB = "bob:s3cret"
OPEN = {"/login", "/favicon.ico"}


def table():
    """(method, path) of every route of ours, and of those that are left of Gradio's."""
    empty = {field.name: None for field in fields(HttpServices)}
    app = create_app(HttpServices(**{**empty, "version": "0", "subpath": ""}))
    rows = {
        (method.upper(), path)
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    }
    for path in (route.path for route in app.routes if getattr(route, "path", None)):
        rows.add(("GET", path))
    rows |= {(method, path) for path in NEEDED for method in ("GET", "POST")}
    rows |= {("GET", "/api/docs"), ("GET", "/ink/main.js"), ("GET", "/nothing"), ("PUT", "/")}
    return sorted({(method, re.sub(r"\{[^}]*\}", "x", path)) for method, path in rows})


TABLE = table()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("walk")
    with running(folder / "data", "--auth", BOB, "--rate-limit", "0") as server:
        yield server.ready(BOB)


@pytest.fixture(scope="module")
def ask(guarded):
    connection = http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=PATIENCE)

    def asking(method, path, *, auth=None, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if auth:
            sent["authorization"] = "Basic " + base64.b64encode(auth.encode()).decode()
        connection.request(method, path, headers=sent)
        answer = connection.getresponse()
        answer.read()
        return answer

    yield asking
    connection.close()


def refused(ask, status, rows=TABLE, **sent):
    """The routes that answered something else."""
    answers = [(method, path, ask(method, path, **sent)) for method, path in rows]
    assert len(answers) == len(rows)
    for _, _, answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    return [
        (method, path, answer.status) for method, path, answer in answers if answer.status != status
    ]


def test_the_table_is_whole():
    assert len(TABLE) > 100
    streams = {"/api/events", "/gradio_api/queue/data", "/api/jobs/x/events"}
    assert {("GET", path) for path in streams} < set(TABLE)
    assert {("POST", "/api/jobs"), ("POST", "/sdapi/v1/txt2img")} < set(TABLE)


def test_every_route_refuses_a_stranger(ask):
    strangers = [row for row in TABLE if row[1] not in OPEN]
    assert refused(ask, 401, strangers) == []
    assert refused(ask, 401, strangers, authorization="Bearer ink_0_0") == []


def test_every_route_refuses_another_host(ask):
    assert refused(ask, 403, auth=BOB, host="evil.example") == []


def test_every_route_refuses_pages_of_other_sites(ask):
    assert refused(ask, 403, auth=BOB, origin="https://evil.example") == []
    assert refused(ask, 403, auth=BOB, origin="null") == []
    embedded = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}
    assert refused(ask, 403, auth=BOB, **embedded) == []
    near = {"sec_fetch_site": "same-site", "sec_fetch_mode": "cors"}
    assert refused(ask, 403, auth=BOB, **near) == []


def test_a_link_on_another_site_may_lead_here_but_not_into_a_frame(ask):
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert ask("GET", "/api/session", auth=BOB, sec_fetch_dest="document", **link).status == 200
    assert ask("GET", "/api/session", auth=BOB, sec_fetch_dest="iframe", **link).status == 403
    assert ask("POST", "/api/language", auth=BOB, sec_fetch_dest="document", **link).status == 403


@pytest.mark.parametrize(
    "path",
    ["upload", "file=/etc/passwd", "proxy=http://127.0.0.1/", "vibe-code", "stream/x", "call/x",
     "process_recording", "component_server", "deep_link", "api/predict"],
)  # fmt: skip
def test_what_the_page_does_not_need_of_gradio_is_not_there(ask, path):
    for method in ("GET", "POST"):
        assert ask(method, f"/gradio_api/{path}", auth=BOB).status == 404
