"""options, cmd-flags and memory: how the program is set up, as far as a client may know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psutil
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from webui.core.errors import InvalidRequest, ModelFileError
from webui.core.validation import complete
from webui.http.identity import owner_of
from webui.http.sdapi.route import REFUSALS, SMALL_BODY, ApiRoute, body_schema, json_body
from webui.http.services import HttpServices
from webui.services.compat import options as settings
from webui.services.library.entries import ModelEntry
from webui.services.models import title_of

USES = ("active", "allocated", "reserved", "inactive")
"""Kinds of use of a device's memory that clients look for."""

EXAMPLE: dict[str, Any] = {
    settings.CHECKPOINT: "starter",
    "CLIP_stop_at_last_layers": 1,
}


def router(services: HttpServices) -> APIRouter:
    """The routes. What one client sets changes nobody else's pictures: settings have owners."""
    routes = APIRouter(route_class=ApiRoute)

    @routes.get("/options")
    def options(request: Request) -> dict[str, Any]:
        """All settings that say something about pictures, and some that clients look at."""
        owner = owner_of(request.headers)
        own = services.options.of(owner)
        entry = current_checkpoint(services, owner)
        digest = services.library.hash_of(entry.name) if entry else None
        return {
            **settings.defaults(),
            **own,
            settings.CHECKPOINT: title_of(entry, digest) if entry else None,
            "sd_checkpoint_hash": digest or "",
            "samples_format": services.api.flags.get("samples_format", "png"),
        }

    @routes.post(
        "/options",
        openapi_extra=body_schema({"type": "object"}, EXAMPLE),
        responses=REFUSALS,
    )
    async def change(request: Request) -> None:
        """Changes settings for the requests to come. Those that mean nothing here are ignored."""
        body = await json_body(request, SMALL_BODY)
        await run_in_threadpool(_change, services, owner_of(request.headers), body)

    @routes.get("/cmd-flags")
    def flags() -> dict[str, Any]:
        """How the server was started, without anything secret."""
        return dict(services.api.flags)

    @routes.get("/memory")
    def memory() -> dict[str, Any]:
        """The machine's memory in bytes, and the device's as far as its worker told it."""
        found = psutil.virtual_memory()
        ram = {"free": found.available, "used": found.total - found.available, "total": found.total}
        return {"ram": ram, "cuda": _device_memory(services)}

    return routes


def current_checkpoint(services: HttpServices, owner: str) -> ModelEntry | None:
    """The checkpoint that a request of this owner draws with when it names none."""
    names = services.names()
    written = services.options.of(owner).get(settings.CHECKPOINT)
    chosen = names.known("checkpoints", written) if isinstance(written, str) else None
    name = chosen or next(iter(names.checkpoints), None)
    if name is None:
        return None
    try:
        return services.library.entry(name)
    except ModelFileError:
        return None


def _change(services: HttpServices, owner: str, body: dict[str, Any]) -> None:
    """Checks the settings as a request would be checked, and remembers them."""
    known = {key: value for key, value in body.items() if settings.known(key)}
    fields = settings.values_of(known)
    etas = {key: value for key, value in known.items() if key in settings.ETAS}
    try:
        complete(fields, services.names())
        settings.grid_of(known)
        for key, value in etas.items():
            _check_eta(services, key, value)
    except InvalidRequest as error:
        problems = (
            replace(p, field=settings.KEYS.get(p.field or "", p.field)) for p in error.problems
        )
        raise InvalidRequest(*problems) from error
    services.options.change(owner, known)


def _check_eta(services: HttpServices, key: str, value: Any) -> None:
    try:
        complete({"eta": value}, services.names())
    except InvalidRequest as error:
        raise InvalidRequest(*(replace(p, field=key) for p in error.problems)) from error


def _device_memory(services: HttpServices) -> dict[str, Any]:
    """Only the worker could tell what is in use, and it draws."""
    total, device = services.jobs.memory(), services.jobs.worker_view().get("device")
    if total is None or not device or "cpu" in str(device).lower():
        return {"error": "unavailable"}
    unknown = {name: {"current": None, "peak": None} for name in USES}
    events = {"retries": None, "oom": None}
    return {"system": {"free": None, "used": None, "total": total}, **unknown, "events": events}
