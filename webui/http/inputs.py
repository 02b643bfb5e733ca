"""/api/inputs: the pictures that requests begin with. Owners see their own alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from webui.core.errors import InkstoneError, NotAllowed
from webui.http.identity import language_of, owner_of
from webui.http.pictures import FOREVER
from webui.http.services import HttpServices
from webui.http.uploads import receive_file
from webui.services.inputs.folder import FolderPicture, folder_inputs
from webui.services.inputs.table import Input
from webui.services.metadata import read_metadata

AT_ONCE = 4
"""Uploads of one owner that are under way together; further ones wait unread."""

EXAMPLE: dict[str, Any] = {
    "id": "0123456789abcdef" * 4,
    "width": 512,
    "height": 768,
    "alpha": False,
}
BODY = {
    "required": True,
    "description": "The file itself, or a form with it in the field `file`: PNG, JPEG, WebP, "
    "AVIF, GIF, BMP or TIFF, by content. Of several frames the first counts.",
    "content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
                "required": ["file"],
            }
        },
    },
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    413: {"description": "Too many bytes or pixels."},
    415: {"description": "Not a picture of a format that is read."},
    422: {"description": "Truncated or damaged, or a form without the file."},
}


class InputView(BaseModel):
    """An uploaded picture: `id` is what `init_image` and `mask` of a request name."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: str
    width: int
    height: int
    alpha: bool


class Folder(BaseModel):
    """A folder on the server, and one with masks under the same names.

    `infotext`: say of each picture also what it says of itself.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"path": "/srv/photos", "masks": "/srv/masks"}]},
    )

    path: str = Field(max_length=2000)
    masks: str = Field("", max_length=2000)
    infotext: bool = False


def router(services: HttpServices) -> APIRouter:
    """The routes. Bodies go to the disk in pieces; a process of its own decodes them."""
    routes = APIRouter(tags=["inputs"])
    inputs = services.inputs
    arriving: dict[str, asyncio.Semaphore] = {}
    decoding: dict[str, asyncio.Lock] = {}

    async def taken(owner: str, file: Path) -> InputView:
        async with decoding.setdefault(owner, asyncio.Lock()):  # the other place is for others
            [outcome] = await asyncio.wrap_future(inputs.begin(owner, [file]))
        if isinstance(outcome, InkstoneError):
            raise outcome
        return InputView(**_view(outcome))

    @routes.post(
        "/api/inputs", openapi_extra={"requestBody": BODY}, responses=REFUSALS
    )  # fmt: skip
    async def upload(request: Request) -> InputView:
        """Takes a picture in; the same pixels have the same `id`."""
        owner = owner_of(request.headers)
        async with arriving.setdefault(owner, asyncio.Semaphore(AT_ONCE)):
            with inputs.incoming() as file:
                await receive_file(request, file, inputs.limits.check_bytes)
                return await taken(owner, file)

    @routes.get(
        "/api/inputs/{input_id}",
        response_class=FileResponse,
        responses={200: {"content": {"image/png": {}}}},
    )
    def content(request: Request, input_id: str) -> FileResponse:
        """The picture as it was taken in: PNG, upright, eight bits, without metadata."""
        file = inputs.file(owner_of(request.headers), input_id)
        return FileResponse(file, media_type="image/png", headers={"cache-control": FOREVER})

    @routes.post("/api/pictures/{picture_id}/input")
    async def send(request: Request, picture_id: str) -> InputView:
        """Makes a finished picture one to begin with."""
        owner = owner_of(request.headers)
        picture = await asyncio.to_thread(services.images.get, owner, picture_id)
        data = await asyncio.to_thread(services.images.content, picture)
        with inputs.incoming() as file:
            await asyncio.to_thread(file.write_bytes, data)
            return await taken(owner, file)

    @routes.post("/api/inputs/folder")
    def folder(request: Request, body: Folder) -> list[dict[str, Any]]:
        """The pictures of a folder on the server, for administrators.

        What cannot be used has `problem` instead of `id`.
        """
        owner = owner_of(request.headers)
        if not services.accounts.admin(owner):
            raise NotAllowed("error.input_folder_admin")
        rows = folder_inputs(
            inputs, owner, Path(body.path), Path(body.masks) if body.masks else None
        )
        found = _rows(rows, services, language_of(request.headers))
        return _with_infotexts(found, Path(body.path)) if body.infotext else found

    return routes


def _view(taken: Input) -> dict[str, Any]:
    return {name: getattr(taken, name) for name in ("id", "width", "height", "alpha")}


def _with_infotexts(rows: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    return [
        {**row, "infotext": _infotext(folder / row["name"]) if row["id"] else ""} for row in rows
    ]


def _infotext(file: Path) -> str:
    """What a picture that was taken in says of itself."""
    try:
        said = read_metadata(file.read_bytes())
    except OSError:  # it was removed in this moment
        return ""
    return said.infotext if said else ""


def _rows(
    found: Sequence[FolderPicture], services: HttpServices, language: str
) -> list[dict[str, Any]]:
    rows = []
    for picture in found:
        row: dict[str, Any] = {"name": picture.name, "id": None}
        if picture.taken:
            row |= _view(picture.taken)
        row["mask"] = picture.mask.id if picture.mask else None
        if picture.problem:
            row["problem"] = services.say(picture.problem, language)
        rows.append(row)
    return rows
