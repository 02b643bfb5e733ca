"""Stored pictures that a request begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from webui.core.errors import InvalidRequest, Message, NotFound
from webui.core.request import GenerationRequest
from webui.services.records import Picture
from webui.services.views import settings_of


class Pictures(Protocol):
    """What is asked of the picture store."""

    def get(self, owner: str, picture_id: str) -> Picture:
        """The owner's picture.

        Raises:
            NotFound: no such picture, or somebody else's.
        """


def first_pass_missing(request: GenerationRequest) -> InvalidRequest:
    """What to say when the picture that is to be enlarged is not there."""
    values = {"id": request.first_pass}
    return InvalidRequest(Message("error.first_pass_missing", values, "first_pass"))


def check_original(owner: str, request: GenerationRequest, pictures: Pictures) -> None:
    """Refuses a request whose picture to be enlarged is missing or of another size.

    Raises:
        InvalidRequest: as said.
    """
    if not request.first_pass:
        return
    try:
        picture = pictures.get(owner, request.first_pass)
    except NotFound as error:
        raise first_pass_missing(request) from error
    if (picture.width, picture.height) != (request.width, request.height):
        values = {
            "got": f"{picture.width}x{picture.height}",
            "wanted": f"{request.width}x{request.height}",
        }
        raise InvalidRequest(Message("error.first_pass_size", values, "width"))


def enlarging(picture: Picture, wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Request fields for hires fix on a finished picture, with its settings.

    wishes: fields that are to be different.
    """
    size = {"width": picture.width, "height": picture.height}
    begun = {"hires": True, "first_pass": picture.id, "batch_size": 1, "batch_count": 1}
    return {**settings_of(picture), **wishes, **size, **begun}
