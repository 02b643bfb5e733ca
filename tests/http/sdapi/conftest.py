"""One server for all tests of the API, asked as its clients ask: small pictures, few steps."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from tests.running_server import Answer, RunningServer, running

SMALL = {"steps": 2, "width": 64, "height": 64, "cfg_scale": 5, "seed": 5, "prompt": "a red apple"}


def picture(data: str) -> Image.Image:
    """A picture out of an answer; a prefix would make this fail."""
    image = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
    image.load()
    return image


def base64_of(image: Image.Image, kind: str = "PNG", **options: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return base64.b64encode(buffer.getvalue()).decode()


@dataclass(frozen=True)
class Drawn:
    """The answer to txt2img or img2img."""

    json: Any

    @property
    def info(self) -> Any:
        return json.loads(self.json["info"])

    @property
    def pictures(self) -> list[Image.Image]:
        return [picture(data) for data in self.json["images"]]


class Client:
    """What a client does with the API."""

    def __init__(self, server: RunningServer, auth: str | None = None) -> None:
        self.server = server
        self.auth = auth

    def get(self, path: str) -> Any:
        answer = self.server.ask(path, auth=self.auth)
        assert answer.status == 200, answer.body
        return answer.json

    def post(self, path: str, body: Any = None) -> Answer:
        body = {} if body is None else body
        return self.server.ask(path, body, auth=self.auth)

    def draw(self, kind: str = "txt2img", **body: Any) -> Drawn:
        answer = self.post(f"/sdapi/v1/{kind}", {**SMALL, **body})
        assert answer.status == 200, answer.body
        return Drawn(answer.json)

    def history(self) -> Any:
        return self.server.ask("/api/pictures?size=100", auth=self.auth).json


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running(tmp_path_factory.mktemp("sdapi") / "data") as server:
        yield Client(server.ready())


@pytest.fixture(scope="session")
def apple(client: Client) -> Drawn:
    """A first picture, for tests that begin with one."""
    return client.draw()
