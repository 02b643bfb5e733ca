"""Stored pictures that a request begins with: finished ones and uploaded ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from webui.core.errors import InvalidRequest, Message, NotFound
from webui.core.picture_fields import GROWN, PICTURES
from webui.core.picture_rules import uploads
from webui.core.request import PARAMETERS, GenerationRequest
from webui.core.tile_grid import tile_grid
from webui.services.inputs.table import Input
from webui.services.records import Extras, Job, Picture
from webui.services.views import settings_of


class Pictures(Protocol):
    """What is asked of the picture store."""

    def get(self, owner: str, picture_id: str) -> Picture:
        """The owner's picture.

        Raises:
            NotFound: no such picture, or somebody else's.
        """

    def content(self, picture: Picture) -> bytes:
        """Its file.

        Raises:
            NotFound: it was removed.
        """


class Inputs(Protocol):
    """What is asked of the store of uploaded pictures."""

    def get(self, owner: str, input_id: str) -> Input:
        """The owner's picture.

        Raises:
            NotFound: no such picture, or somebody else's.
        """

    def use(self, owner: str, input_id: str) -> bool:
        """Whether the owner has it; keeps it from being removed as unused."""

    def content(self, owner: str, input_id: str) -> bytes:
        """The owner's picture as PNG.

        Raises:
            NotFound: no such picture, somebody else's, or it was removed.
        """


def check_original(
    owner: str, request: GenerationRequest, pictures: Pictures, inputs: Inputs
) -> None:
    """Refuses a request whose pictures to begin with are missing, or of a size that does not fit.

    Raises:
        InvalidRequest: as said, with a problem for each.
    """
    uploaded = uploads(request)
    lost = [_input_missing(f, n) for f, n in uploaded.items() if not inputs.use(owner, n)]
    if lost:
        raise InvalidRequest(*lost)
    if request.tile_upscale:
        start = inputs.get(owner, request.init_image)
        tile_grid((start.width, start.height), request)
    if not request.first_pass:
        return
    try:
        picture: Picture | Input = (
            inputs.get(owner, request.first_pass)
            if "first_pass" in uploaded
            else pictures.get(owner, request.first_pass)
        )
    except NotFound as error:
        raise _first_pass_missing(request) from error
    if (picture.width, picture.height) != (request.width, request.height):
        values = {
            "got": f"{picture.width}x{picture.height}",
            "wanted": f"{request.width}x{request.height}",
        }
        raise InvalidRequest(Message("error.first_pass_size", values, "width"))


def check_finished(owner: str, extras: Extras, inputs: Inputs) -> None:
    """Refuses to enlarge a picture that is not there.

    Raises:
        InvalidRequest: as said.
    """
    if not inputs.use(owner, extras.picture):
        raise InvalidRequest(_input_missing("picture", extras.picture))


def originals_of(job: Job, pictures: Pictures, inputs: Inputs) -> dict[str, bytes]:
    """The files of the pictures that the job's request names, by the field that does.

    Raises:
        InvalidRequest: one of them is not there any more.
    """
    found = {}
    for field, name in uploads(job.request).items():
        try:
            found[field] = inputs.content(job.owner, name)
        except NotFound as error:
            raise InvalidRequest(_input_missing(field, name)) from error
    if job.request.first_pass and "first_pass" not in found:
        try:
            finished = pictures.get(job.owner, job.request.first_pass)
            found["first_pass"] = pictures.content(finished)
        except NotFound as error:
            raise _first_pass_missing(job.request) from error
    return found


def enlarging(picture: Picture, wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Request fields for hires fix on a finished picture, with its settings.

    wishes: fields that are to be different. What the picture itself began with plays no part.
    """
    size = {"width": picture.width, "height": picture.height}
    begun = {"hires": True, "first_pass": picture.id, "batch_size": 1, "batch_count": 1}
    plain = {field: PARAMETERS[field].default for field in (*PICTURES, *GROWN, "tile_upscale")}
    return {**settings_of(picture), **wishes, **size, **begun, **plain}


def _input_missing(field: str, name: str) -> Message:
    return Message("error.input_missing", {"id": name[:12]}, field)


def _first_pass_missing(request: GenerationRequest) -> InvalidRequest:
    """What to say when the picture that is to be enlarged is not there."""
    values = {"id": request.first_pass}
    return InvalidRequest(Message("error.first_pass_missing", values, "first_pass"))
