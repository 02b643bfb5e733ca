"""The routes that tell what a text or a picture says."""

from __future__ import annotations

import http.client
import io
import json

import pytest
from PIL import Image

from tests.running_server import running
from tests.services.metadata.pictures import WEBUI, png

FORM = {
    *("source", "exact", "infotext", "values", "assumed", "changes", "unknown", "problems"),
    *("preview", "chunks", "picture"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Saves WebP, which shows that the routes of pictures do not depend on the format."""
    with running(tmp_path_factory.mktemp("reading") / "data", "--samples-format", "webp") as one:
        yield one.ready()


def sent(server, data: bytes, announced: int | None = None):
    """(status, JSON text) for a raw body; `announced` lies about its length."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"content-length": str(len(data) if announced is None else announced)}
    connection.request("POST", "/api/picture-info", data, headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_a_text_is_read_and_nothing_is_applied(server):
    body = {"text": WEBUI, "current": {"steps": 20}}
    answer = server.ask("/api/infotext", body, accept_language="zh-CN")
    assert answer.status == 200
    assert answer.json.keys() == FORM
    assert answer.json["changes"] == [{"field": "steps", "from": 20, "to": 28}]
    assert answer.json["preview"] == {"prompt": "1girl, (best:1.2)", "negative_prompt": "lowres"}
    assert answer.json["picture"] is None
    (problem,) = answer.json["problems"]
    assert (problem["field"], problem["key"]) == ("checkpoint", "reading.missing_near")
    assert "这里没有“v1-5”" in problem["text"]
    assert server.ask("/api/infotext", {"text": "x" * 1_000_001}).status == 422
    assert server.ask("/api/infotext", {"text": "half a character: \ud800"}).status == 422
    for unit in ("ab: 1, ", "::", 'ab: "', "[" * 99):
        long = unit * (900_000 // len(unit))
        assert server.ask("/api/infotext", {"text": long}).status == 200


def test_a_picture_is_read(server):
    status, text = sent(server, png(parameters=WEBUI))
    assert (status, '"source":"webui"' in text) == (200, True)
    status, text = sent(server, b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert (status, "PNG, JPEG, WebP, AVIF" in text) == (422, True)
    assert sent(server, b"")[0] == 422


def test_a_body_that_is_too_long_is_refused_before_it_is_read(server):
    status, text = sent(server, b"", announced=51 * 2**20)
    assert (status, "50 MB" in text) == (413, True)


def test_a_picture_saved_as_webp_is_served_as_such_and_read_back(server):
    job = server.submit(prompt="a red apple", seed=42, steps=2, clip_skip=2)
    assert server.finished(job["id"])["state"] == "done"
    picture = server.ask("/api/pictures").json["items"][0]
    file = server.ask(picture["url"] + "?download=1")
    assert file.headers["content-type"] == "image/webp"
    assert file.headers["content-disposition"].endswith('-42.webp"')
    with Image.open(io.BytesIO(file.body)) as image:
        assert (image.format, image.size) == ("WEBP", (128, 128))
    status, text = sent(server, file.body)
    said = json.loads(text)
    assert (status, said["source"], said["exact"], said["problems"]) == (200, "inkstone", True, [])
    assert said["infotext"] == picture["infotext"]
    assert {"seed": 42, "steps": 2, "clip_skip": 2}.items() <= said["values"].items()
