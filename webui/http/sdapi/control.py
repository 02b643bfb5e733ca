"""Ends the server, where it was started to let an administrator do that through the API."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, BackgroundTasks, Request

from webui.core.errors import NotAllowed, NotYet
from webui.http.identity import owner_of
from webui.http.sdapi.route import ApiRoute
from webui.http.services import HttpServices


def router(services: HttpServices) -> APIRouter:
    """The routes."""
    routes = APIRouter(route_class=ApiRoute)

    def check(request: Request) -> None:
        if not services.api.server_stop:
            raise NotAllowed("error.api_stop_off")
        if not services.accounts.admin(owner_of(request.headers)):
            raise NotAllowed("error.api_admin")

    def ending(path: str) -> None:
        @routes.post(path, name=path.strip("/").replace("-", "_"))
        def end(request: Request, later: BackgroundTasks) -> dict[str, Any]:
            """Ends the server. Jobs that wait or run go on at its next start."""
            check(request)
            later.add_task(services.stop)
            return {}

    ending("/server-stop")
    ending("/server-kill")

    @routes.post("/server-restart")
    def restart(request: Request) -> None:
        """The server cannot start itself again."""
        check(request)
        raise NotYet("error.api_no_restart")

    return routes
