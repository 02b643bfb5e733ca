"""Uploads over real connections: of friends, and of strangers with bombs."""

from __future__ import annotations

import base64
import http.client
import io
import json
import socket
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import pytest
from PIL import Image

from tests.hostile_pictures import gradient, hostile, raw_png, saved, text_bomb
from tests.running_server import PATIENCE, Answer, running

ANN, BOB = "ann:secret", "bob:hidden"
LIMIT = 2 * 2**20
HOSTILE = hostile()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("INKSTONE_INPUT_LIMIT", "2")
        with running(folder / "data", "--auth", ANN, "--auth", BOB) as started:
            yield started.ready(ANN)


def login(auth):
    return "Basic " + base64.b64encode(auth.encode()).decode()


def upload(server, data, *, auth=ANN, path="/api/inputs", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    sent = {"authorization": login(auth), **{k.replace("_", "-"): v for k, v in headers.items()}}
    connection.request("POST", path, data, sent)
    answer = connection.getresponse()
    names = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(answer.status, names, answer.read())


def form(*parts, boundary="b0undary"):
    """A multipart body of (name, file name, content)."""
    body = b""
    for name, file, content in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{file}"' if file else "")
        body += f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
        body += content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode()


MULTIPART = "multipart/form-data; boundary=b0undary"


def test_a_picture_is_taken_in_kept_to_its_owner_and_drawn_from(server):
    data = saved(gradient((64, 64)), "PNG")
    raw = upload(server, data)
    assert raw.status == 200, raw.body
    said = raw.json
    assert said == {"id": said["id"], "width": 64, "height": 64, "alpha": False}
    again = upload(server, form(("file", "../x.html", data)), content_type=MULTIPART)
    assert again.json == said
    file = server.ask(f"/api/inputs/{said['id']}", auth=ANN)
    assert (file.status, file.headers["content-type"]) == (200, "image/png")
    assert file.headers["x-content-type-options"] == "nosniff"
    with Image.open(io.BytesIO(file.body)) as image:
        assert image.tobytes() == gradient((64, 64)).tobytes()
    assert server.ask(f"/api/inputs/{said['id']}", auth=BOB).status == 404
    assert server.ask("/api/inputs/..%2f..%2finkstone.sqlite3", auth=ANN).status == 404

    wanted = {"prompt": "a cat", "steps": 2, "width": 64, "height": 64, "init_image": said["id"]}
    refused = server.ask("/api/jobs", wanted, auth=BOB, accept_language="zh-CN")
    assert (refused.status, refused.json["problems"][0]["field"]) == (422, "init_image")
    assert "请重新上传" in refused.json["problems"][0]["text"]
    job = server.ask("/api/jobs", wanted, auth=ANN).json
    while job["state"] in ("queued", "running"):
        job = server.ask(f"/api/jobs/{job['id']}", auth=ANN).json
    assert job["state"] == "done", job["error"]
    [picture] = server.ask("/api/pictures", auth=ANN).json["items"]
    assert picture["settings"]["init_image"] == said["id"]

    sent = server.ask(f"/api/pictures/{picture['id']}/input", {}, auth=ANN)
    assert (sent.status, sent.json["width"]) == (200, 64)
    assert server.ask(f"/api/pictures/{picture['id']}/input", {}, auth=BOB).status == 404
    finished = server.ask(picture["url"], auth=ANN).body
    taken = server.ask(f"/api/inputs/{sent.json['id']}", auth=ANN).body
    with Image.open(io.BytesIO(finished)) as one, Image.open(io.BytesIO(taken)) as two:
        assert one.tobytes() == two.tobytes()
        assert not two.info


@pytest.mark.parametrize("bad", HOSTILE, ids=[bad.name for bad in HOSTILE])
def test_what_is_hostile_is_refused_by_its_content(server, bad):
    answer = upload(server, bad.data, content_type="image/png")
    [problem] = answer.json["problems"]
    assert (answer.status, problem["key"]) == (bad.status, bad.key)
    assert "{" not in problem["text"]
    assert "error." not in problem["text"]


@pytest.mark.parametrize(
    ("name", "size", "data"),
    [
        ("a pixel", (1, 1), saved(gradient((1, 1)), "PNG")),
        ("a line", (1, 5000), raw_png((1, 5000), 8, 0, bytes(10_000))),
        ("texts without end", (2, 1), text_bomb()),
    ],
)
def test_what_is_odd_is_taken_in(server, name, size, data):
    answer = upload(server, data)
    assert (answer.status, (answer.json["width"], answer.json["height"])) == (200, size), name


def test_a_long_body_is_refused_before_it_is_read(server):
    """200 MB are announced and never sent; without an announcement, 2 MB are enough."""
    announced = upload(server, b"", content_length="209715200")
    assert (announced.status, announced.json["problems"][0]["key"]) == (413, "error.too_large")
    in_form = upload(server, b"", content_length="209715200", content_type=MULTIPART)
    assert in_form.status == 413
    head = (
        f"POST /api/inputs HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Authorization: {login(ANN)}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    sent = 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(head.encode())
        for _ in range(5):  # more than the limit, less than the system's buffers hold back
            connection.sendall(b"80000\r\n" + bytes(0x80000) + b"\r\n")
            sent += 0x80000
        assert sent > LIMIT
        assert connection.recv(12) == b"HTTP/1.1 413"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (form(("other", "a.png", b"x")), MULTIPART),
        (form(("file", "", b"x")), MULTIPART),
        (form(("file", "a.png", b"x"), ("file", "b.png", b"x")), MULTIPART),
        (form(*[(f"n{n}", "", b"") for n in range(20_000)]), MULTIPART),
        (form(("file", "x" * 1_000_000, b"x")), MULTIPART),
        (b"--b0undary" + b"x" * 1_900_000, MULTIPART),
        (b"--b0undary\r\n" + b"\r\n" * 900_000, MULTIPART),
        (form(("file", "a.png", b"x")), "multipart/form-data"),
    ],
    ids=["no file", "text", "two", "many", "name", "boundary", "lines", "no boundary"],
)
def test_a_form_of_another_kind_is_refused(server, body, kind):
    answer = upload(server, body, content_type=kind)
    assert answer.status in (413, 415, 422), answer.body
    assert answer.json["problems"][0]["key"].startswith("error.")


def test_a_crowd_of_uploads_lets_others_through(server):
    heavy = [raw_png((2500, 2500 + n), 8, 2, bytes((2500 + n) * 7501)) for n in range(7)]
    with ThreadPoolExecutor(8) as threads:
        crowd = [threads.submit(upload, server, data) for data in heavy]
        wait(crowd, return_when=FIRST_COMPLETED)
        other = threads.submit(upload, server, saved(gradient(), "PNG"), auth=BOB)
        assert other.result().status == 200
        assert not all(one.done() for one in crowd)
        assert [one.result().status for one in crowd] == [200] * 7


def test_a_page_of_another_site_cannot_upload(server):
    answer = upload(server, form(("file", "a", b"x")), content_type=MULTIPART, origin="http://x.y")
    assert answer.status == 403


def test_a_folder_of_the_server_is_for_administrators(server, tmp_path):
    (tmp_path / "a.png").write_bytes(saved(gradient(), "PNG"))
    (tmp_path / "b.png").write_bytes(saved(gradient(), "PNG")[:50])
    body = {"path": str(tmp_path)}
    refused = server.ask("/api/inputs/folder", body, auth=BOB)
    assert (refused.status, refused.json["problems"][0]["key"]) == (
        403, "error.input_folder_admin",
    )  # fmt: skip
    rows = server.ask("/api/inputs/folder", body, auth=ANN).json
    assert [(row["name"], row["id"] is None) for row in rows] == [("a.png", False), ("b.png", True)]
    assert (rows[0]["width"], rows[0]["mask"]) == (24, None)
    assert "truncated" in rows[1]["problem"]["text"]
    assert server.ask(f"/api/inputs/{rows[0]['id']}", auth=ANN).status == 200
    lost = server.ask("/api/inputs/folder", {"path": str(tmp_path / "none")}, auth=ANN)
    assert lost.status == 422


def test_the_documentation_says_how(server):
    paths = json.loads(server.ask("/api/openapi.json", auth=ANN).body)["paths"]
    route = paths["/api/inputs"]["post"]
    assert "multipart/form-data" in route["requestBody"]["content"]
    assert {"413", "415", "422"} <= set(route["responses"])
