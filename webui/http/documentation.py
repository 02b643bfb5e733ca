"""/api/docs: the API as a page, made from its OpenAPI document, without scripts or other sites."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse

from webui.http.identity import language_of
from webui.http.policies import plain_policy
from webui.services.localisation import Localiser

STYLE = """
:root{color-scheme:light dark}
body{max-width:60rem;margin:2rem auto;padding:0 1rem;
font:15px/1.5 system-ui,"Noto Sans CJK SC","PingFang SC",sans-serif}
summary{cursor:pointer;padding:.3rem 0}summary b{display:inline-block;min-width:4.5rem}
details{border-top:1px solid #8885}details>div{padding:0 0 1rem 4.5rem}
pre{overflow:auto;padding:.6rem;border:1px solid #8885;border-radius:6px;font-size:13px}
table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0;vertical-align:top}
"""
METHODS = ("get", "put", "post", "delete")


def router(app: FastAPI, localiser: Localiser, subpath: str) -> APIRouter:
    """The route of the page."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/api/docs")
    def page(request: Request) -> HTMLResponse:
        language = language_of(request.headers)
        document = app.openapi()
        title = escape(f"{document['info']['title']} {document['info']['version']}")
        link = f'<a href="{escape(subpath)}/api/openapi.json">openapi.json</a>'
        intro = escape(localiser.text("docs.intro", language))
        body = "".join(_groups(document))
        html = (
            f'<!doctype html><html lang="{escape(language)}"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{title}</title><style>{STYLE}</style>"
            f"<h1>{title}</h1><p>{intro} {link}</p>{body}"
        )
        return HTMLResponse(html, headers={"content-security-policy": plain_policy(STYLE)})

    return routes


def _groups(document: dict[str, Any]) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for path, operations in sorted(document["paths"].items()):
        for method in METHODS:
            if method in operations:
                operation = operations[method]
                name = next(iter(operation.get("tags", [])), "")
                groups.setdefault(name, []).append(_operation(document, method, path, operation))
    for name, rows in groups.items():
        yield f"<h2>{escape(name)}</h2>{''.join(rows)}"


def _operation(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> str:
    said = operation.get("description", "")
    first = said.split("\n", 1)[0]
    rows = "".join(
        f"<tr><td><code>{escape(row['name'])}</code><td>{escape(row['in'])}"
        f"<td>{escape(_kind(row.get('schema', {})))}<td>{escape(row.get('description', ''))}"
        for row in operation.get("parameters", [])
    )
    bodies = "".join(
        f"<p>{escape(kind)}</p><pre>{escape(_shown(_example(document, content)))}</pre>"
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
    )
    answers = "".join(
        f"<tr><td><code>{escape(code)}</code><td>{escape(row.get('description', ''))}"
        for code, row in operation.get("responses", {}).items()
    )
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> {escape(first)}"
        f"</summary><div><p>{escape(said)}</p><table>{rows}</table>{bodies}"
        f"<table>{answers}</table></div></details>"
    )


def _kind(schema: dict[str, Any]) -> str:
    kinds = [schema, *schema.get("anyOf", [])]
    return ", ".join(row["type"] for row in kinds if row.get("type", "null") != "null")


def _example(document: dict[str, Any], content: dict[str, Any]) -> Any:
    """An example of a body: one that is given, else its entries with their kinds."""
    for row in content.get("examples", {}).values():
        return row["value"]
    schema = content.get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    for example in schema.get("examples", []):
        return example
    return {name: _kind(row) for name, row in schema.get("properties", {}).items()}


def _shown(example: Any) -> str:
    return json.dumps(example, indent=2, ensure_ascii=False)
