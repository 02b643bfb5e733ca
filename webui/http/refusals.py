"""What a refusal looks like, and which ones every route has, for the OpenAPI document.

The gate, the limits and the loading page answer in front of all routes, and errors become
answers in one place (`webui.http.failures`); so routes name only what they alone can say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from webui.http.identity import CLIENTS

JSON = "application/json"
REFERENCE = "#/components/schemas/{model}"


class Problem(BaseModel):
    """One thing that is wrong: for programs a key with values, for people a text."""

    key: str = Field(examples=["error.range"])
    values: dict[str, Any] = Field(default_factory=dict)
    field: str | None = Field(None, description="The entry of the request that it is about.")
    text: str = Field(description="In the language of whoever asks.")


class Refusal(BaseModel):
    """Why a request was not answered; `detail` is the text of the first problem."""

    detail: str
    problems: list[Problem] = Field(min_length=1)


class ClientRefusal(BaseModel):
    """The same in the form in which clients of stable-diffusion-webui look for it."""

    detail: str
    problems: list[Problem] = Field(min_length=1)
    error: str = Field("", description="What kind of error.")
    errors: str = Field("", description="All problems, a line each.")
    body: str = Field("", description="Always empty.")


OF_ALL: Mapping[int, str] = MappingProxyType(
    {
        401: "The server has accounts, and these are no valid credentials.",
        403: "Not for the asker, or asked from another site or under a name that is not this "
        "server's.",
        503: "The server is still loading; Retry-After says when to ask again.",
    }
)
OF_CHANGES: Mapping[int, str] = MappingProxyType(
    {
        408: "The body stopped coming.",
        413: "The body is too long; it was not read.",
        429: "Too many requests; Retry-After says when to ask again.",
        507: "The disk is full or cannot be written.",
    }
)
NO_SUCH = "There is none of this name that is the asker's."
WRONG = "An entry is not right; `problems` name it."
CHANGES = frozenset({"post", "put", "delete"})
LOADING = 503
"""Answered before the application is there, with `detail` alone."""


def describe_refusals(app: FastAPI) -> None:
    """Makes the OpenAPI document of `app` name every status and its form."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(plain())
        return app.openapi_schema

    # FastAPI says to replace this method where the document is to be changed.
    app.openapi = described  # type: ignore[method-assign]


def _described(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in (Refusal, ClientRefusal):
        schema = model.model_json_schema(ref_template=REFERENCE)
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(path, method, operation)
    return document


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    form = ClientRefusal if path.startswith(CLIENTS) else Refusal
    schema = {"$ref": REFERENCE.format(model=form.__name__)}
    found: dict[str, Any] = operation["responses"]
    if "422" in found and "HTTPValidationError" in str(found["422"]):
        del found["422"]
    for status, description in _expected(method, operation):
        found.setdefault(str(status), {"description": description})
    for code, row in found.items():
        if int(code) >= HTTPStatus.BAD_REQUEST and int(code) != LOADING:
            row.setdefault("content", {JSON: {"schema": schema}})
    operation["responses"] = dict(sorted(found.items()))


def _expected(method: str, operation: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    yield from OF_ALL.items()
    if method in CHANGES:
        yield from OF_CHANGES.items()
    parameters = operation.get("parameters", [])
    if any(row["in"] == "path" for row in parameters):
        yield 404, NO_SUCH
    if "requestBody" in operation or any(row["in"] != "path" for row in parameters):
        yield 422, WRONG
