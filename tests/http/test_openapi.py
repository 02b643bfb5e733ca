"""The OpenAPI document holds together: what it refers to is there, bodies have examples."""

from __future__ import annotations

import json
import re
from dataclasses import fields

import pytest

from webui.http.app import create_app
from webui.http.services import HttpServices

KINDS = {"get", "put", "post", "delete", "patch", "head", "options"}


@pytest.fixture(scope="module")
def document():
    empty = {field.name: None for field in fields(HttpServices)}
    app = create_app(HttpServices(**{**empty, "version": "0", "subpath": ""}))
    return json.loads(json.dumps(app.openapi()))


def operations(document):
    for path, rows in document["paths"].items():
        assert rows.keys() <= KINDS
        for method, row in rows.items():
            yield method, path, row


def resolved(document, reference):
    found = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_references_names_and_path_parameters(document):
    assert document["openapi"].startswith("3.1")
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)):
        assert resolved(document, reference)
    names = [row["operationId"] for _, _, row in operations(document)]
    assert len(names) == len(set(names)) > 80
    for _, path, row in operations(document):
        declared = {p["name"] for p in row.get("parameters", ()) if p["in"] == "path"}
        assert declared == set(re.findall(r"\{(\w+)\}", path))
        assert row["tags"]
        assert row["responses"].keys() & {"200", "204", "303"}


def test_bodies_of_our_own_api_have_examples(document):
    bare = []
    for method, path, row in operations(document):
        content = row.get("requestBody", {}).get("content", {}).get("application/json")
        if path.startswith("/api/") and content:
            schema = content["schema"]
            schema = resolved(document, schema["$ref"]) if "$ref" in schema else schema
            if "example" not in json.dumps([content, schema]):
                bare.append((method, path))
    assert bare == []
