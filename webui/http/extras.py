"""/api/extras: finished pictures made larger, as jobs of the queue."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from webui.core.enlarging import enlarged_size
from webui.core.errors import InvalidRequest, Message, NotFound
from webui.core.infotext import MAX_CHARACTERS
from webui.core.specs import NOT_ENLARGED
from webui.http.identity import language_of, owner_of
from webui.http.services import HttpServices
from webui.services.extras import asked, made_of
from webui.services.reading import Reader
from webui.services.records import Extras

EXAMPLE: dict[str, Any] = {
    "picture": "0123456789abcdef" * 4,
    "mode": "factor",
    "factor": 2,
    "upscaler_1": "Lanczos",
}


class Wish(BaseModel):
    """What is to be done with which picture; sizes are in pixels.

    `picture`: the `id` that /api/inputs gave. `infotext`: what the picture says of itself, which
    that place does not keep. `crop`: with the mode "size", cut off what reaches beyond.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    picture: str = Field(max_length=64)
    infotext: str = Field("", max_length=MAX_CHARACTERS)
    mode: Literal["factor", "size"] = "factor"
    factor: float = 2
    width: int = 512
    height: int = 512
    crop: bool = True
    upscaler_1: str = Field("Lanczos", max_length=500)
    upscaler_2: str = Field(NOT_ENLARGED, max_length=500)
    visibility: float = 0


def router(services: HttpServices) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/extras", tags=["extras"])
    reader = Reader(services.names, services.library)

    @routes.get("")
    def menu() -> dict[str, Any]:
        """The upscalers that take pictures."""
        return {
            "upscalers": [name for name in services.names().of_pictures() if name != NOT_ENLARGED]
        }

    @routes.post("")
    def submit(request: Request, body: Wish) -> dict[str, Any]:
        """Queues a picture to be made larger."""
        owner = owner_of(request.headers)
        wish = asked(body.model_dump(), services.names())
        try:
            given = services.inputs.get(owner, body.picture)
        except NotFound as error:
            problem = Message("error.input_missing", {"id": body.picture[:12]}, "picture")
            raise InvalidRequest(problem) from error
        enlarged_size((given.width, given.height), wish)
        values = reader.text(body.infotext).values if body.infotext else {}
        made = made_of(values, services.names())
        extras = Extras(body.picture, wish, body.infotext)
        job = services.jobs.submit(owner, made, extras=extras)
        view = services.jobs.view(job, owner)
        return services.localise(view, language_of(request.headers))

    return routes
