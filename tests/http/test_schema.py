"""The API as its OpenAPI document describes it: random requests, answers held against it.

`INKSTONE_SCHEMA_EXAMPLES=200` tries more of them for each operation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core import NOT_SET
from schemathesis.specs.openapi import checks

from tests.running_server import RunningServer, running
from webui.http.app import create_app
from webui.http.sdapi.generation import DOT
from webui.http.services import HttpServices

EXAMPLES = int(os.environ.get("INKSTONE_SCHEMA_EXAMPLES", "6"))
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
ENDLESS = {("get", "/api/events")}
"""Its answer has no end; tests/http/test_api.py reads it."""

NOT_YET = 501
SMALL = {
    **{"steps": 1, "width": 64, "height": 64, "n_iter": 1, "batch_size": 1, "batch_count": 1},
    **{"hr_scale": 1, "hr_resize_x": 0, "hr_resize_y": 0, "hr_second_pass_steps": 1},
    "upscaling_resize": 1,
}
"""What entries become that are numbers, so that a picture takes no time."""


def document() -> dict[str, Any]:
    empty: dict[str, Any] = {field.name: None for field in fields(HttpServices)}
    app = create_app(HttpServices(**{**empty, "version": "0", "subpath": ""}))
    return app.openapi()


OPERATIONS = [
    (method, path)
    for path, rows in document()["paths"].items()
    for method in rows
    if (method, path) not in ENDLESS
]


@dataclass(frozen=True)
class Fuzzed:
    """A server, its document, and names of what lies on it."""

    server: RunningServer
    schema: Any
    names: dict[str, str]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    folder = tmp_path_factory.mktemp("schema")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("INKSTONE_HUB_URL", "http://127.0.0.1:9")  # nobody is there
        with running(folder / "data", "--rate-limit", "0") as server:
            job = server.ready().submit(prompt="a cat", steps=1, width=64, height=64)
            assert server.finished(job["id"])["state"] == "done"
            [picture] = server.ask("/api/pictures").json["items"]
            taken = server.ask(f"/api/pictures/{picture['id']}/input", {}).json
            names = {
                "job_id": job["id"], "picture_id": picture["id"], "input_id": taken["id"],
                "language": "zh-CN",
            }  # fmt: skip
            schema = schemathesis.openapi.from_url(server.url + "/api/openapi.json")
            yield Fuzzed(server, schema, names)


def test_the_document_is_valid(fuzzed: Fuzzed) -> None:
    fuzzed.schema.validate()
    served = fuzzed.server.ask("/api/openapi.json").json
    assert served["paths"] == document()["paths"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_are_as_the_document_says(fuzzed: Fuzzed, method: str, path: str) -> None:
    operation = fuzzed.schema[path][method]
    known = {row.name: fuzzed.names[row.name] for row in operation.path_parameters
             if row.name in fuzzed.names}  # fmt: skip
    asked = [_try(operation, GenerationMode.POSITIVE, {})]
    if known:
        asked.append(_try(operation, GenerationMode.POSITIVE, {"path_parameters": known}))
        assert method != "get" or 404 not in asked[-1]
    if operation.body or operation.query or operation.headers:
        with suppress(Unsatisfiable):  # bytes of any kind are a body of bytes
            asked.append(_try(operation, GenerationMode.NEGATIVE, {}))
    assert any(asked)


def _try(operation: Any, mode: GenerationMode, fixed: dict[str, Any]) -> set[int]:
    """The statuses of some requests that fit the document, or of some that break it."""
    statuses = set()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode, **fixed))
    def play(case: Any) -> None:
        if case.body is NOT_SET and operation.path.endswith("2img"):
            case.body, case.media_type = {}, "application/json"  # the defaults take minutes
        if isinstance(case.body, dict):
            case.body = _small(case.body, operation.path)
        answer = case.call(timeout=120)
        statuses.add(answer.status_code)
        assert answer.status_code < 500 or answer.status_code == NOT_YET, answer.text
        case.validate_response(answer, checks=CHECKS)

    play()
    return statuses


def _small(body: dict[str, Any], path: str) -> dict[str, Any]:
    """The same for a picture of no weight; the start picture is one."""
    numbers = {name: value for name, value in SMALL.items() if name in body and _number(body[name])}
    defaults = {"steps": 1, "width": 64, "height": 64} if path.startswith("/sdapi/") else {}
    if path.endswith("/img2img") and body.get("init_images") not in (None, NOT_SET):
        defaults["init_images"] = numbers["init_images"] = [DOT]
    return {**defaults, **body, **numbers}


def _number(value: Any) -> bool:
    """Whether it stands for a size or a count; null does, for the default."""
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
