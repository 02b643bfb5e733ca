"""scripts and script-info: the scripts that clients may name, and their arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request

from webui.core.catalogue import AUTOMATIC, BUILTIN
from webui.core.parameters import Parameter
from webui.core.request import FIXED_CHOICES, PARAMETERS
from webui.http.identity import language_of
from webui.http.sdapi.route import ApiRoute
from webui.http.services import HttpServices
from webui.services.compat.rows import Kind
from webui.services.compat.scripts import ALWAYS_ON, SELECTABLE, AlwaysOn, Selectable

Rows = list[dict[str, Any]]
SCRIPTS: Mapping[str, AlwaysOn | Selectable] = {**ALWAYS_ON, **SELECTABLE}


def router(services: HttpServices) -> APIRouter:
    """The routes."""
    routes = APIRouter(route_class=ApiRoute)

    @routes.get("/scripts")
    def scripts() -> dict[str, list[str]]:
        """The scripts by the tab that has them."""
        return {"txt2img": _titles("txt2img"), "img2img": _titles("img2img")}

    @routes.get("/script-info")
    def script_info(request: Request) -> Rows:
        """The arguments of the scripts, in their order."""
        language = language_of(request.headers)

        def label(key: str) -> str:
            return services.localiser.text(key, language)

        upscalers = services.names().of_pictures()
        always = {
            title: [_argument(name, script, label) for name in script.args]
            for title, script in ALWAYS_ON.items()
        }
        selectable = {
            title: [_selected(*argument, upscalers, label) for argument in script.args.items()]
            for title, script in SELECTABLE.items()
        }
        return [
            {
                "name": title,
                "is_alwayson": title in ALWAYS_ON,
                "is_img2img": kind == "img2img",
                "args": args,
            }
            for title, args in {**always, **selectable}.items()
            for kind in SCRIPTS[title].kinds
        ]

    return routes


def _titles(kind: Kind) -> list[str]:
    return [title for title, script in SCRIPTS.items() if kind in script.kinds]


def _selected(name: str, default: Any, upscalers: Sequence[str], label: Any) -> dict[str, Any]:
    """An argument of a script that is chosen; "" is a text that such scripts show."""
    if not name:
        return _row("", default)
    row = PARAMETERS[name]
    choices = list(upscalers) if row.choices == "picture_upscalers" else None
    return _row(label(row.label), default, row.minimum, row.maximum, row.step, choices=choices)


def _argument(name: str, script: AlwaysOn, label: Any) -> dict[str, Any]:
    """An argument as it would look in a form; "" is the switch of its script."""
    if not name:
        first = PARAMETERS[script.switched[0]]
        return _row(label(f"label.{first.group}"), False)
    row = PARAMETERS[name]
    limits = (row.minimum, row.maximum, row.step)
    return _row(label(row.label), row.default, *limits, choices=_choices(row))


def _choices(row: Parameter) -> list[str] | None:
    menu = row.choices or ""
    if menu in FIXED_CHOICES:
        return list(FIXED_CHOICES[menu])
    offered = {"samplers": list(BUILTIN.samplers), "schedules": [AUTOMATIC, *BUILTIN.schedules]}
    return offered.get(menu)


def _row(
    label: str,
    value: Any,
    minimum: float | None = None,
    maximum: float | None = None,
    step: float | None = None,
    *,
    choices: list[str] | None = None,
) -> dict[str, Any]:
    return {
        "label": label,
        "value": value,
        "minimum": minimum,
        "maximum": maximum,
        "step": step,
        "choices": choices,
    }
