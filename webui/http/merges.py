"""/api/merge: a merge of models, how far it is, and its end."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request

from webui.core.errors import Message, NotAllowed
from webui.core.merging import MergeOrder
from webui.http.identity import language_of, owner_of
from webui.http.services import HttpServices

EXAMPLE = {"name": "mix", "primary": "one", "secondary": "another", "multiplier": 0.3}
REFUSALS: dict[int | str, dict[str, Any]] = {
    409: {"description": "A model of it is damaged or gone, or the name is taken."}
}


def router(services: HttpServices) -> APIRouter:
    """The routes. A merge fills the server's disk, so only who administers may begin or end one."""
    routes = APIRouter(prefix="/api", tags=["models"])

    def view(request: Request) -> dict[str, Any]:
        shown, language = services.merges.view(), language_of(request.headers)
        if "message" in shown:
            shown["message"] = services.say(Message.from_json(shown["message"]), language)
        notes = [Message.from_json(note) for note in shown.get("notes", [])]
        return {**shown, "notes": [services.say(note, language) for note in notes]}

    def check(request: Request) -> None:
        if not services.accounts.admin(owner_of(request.headers)):
            raise NotAllowed("error.merge_admin")

    @routes.get("/merge")
    def state(request: Request) -> dict[str, Any]:
        return view(request)

    @routes.post("/merge", responses=REFUSALS)
    def start(
        request: Request, order: Annotated[MergeOrder, Body(examples=[EXAMPLE])]
    ) -> dict[str, Any]:
        check(request)
        services.merges.start(order)
        return view(request)

    @routes.delete("/merge")
    def cancel(request: Request) -> dict[str, Any]:
        check(request)
        services.merges.cancel()
        return view(request)

    return routes
