"""png-info and the extras: finished pictures, read and made larger."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from PIL import Image
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from webui.core import infotext
from webui.core.enlarging import LARGEST_FACTOR, Enlarging, enlarged_size
from webui.core.errors import InvalidRequest, Message
from webui.core.specs import NOT_ENLARGED
from webui.core.validation import shorten
from webui.http.identity import owner_of
from webui.http.sdapi.pictures import decode, take
from webui.http.sdapi.route import REFUSALS, ApiRoute, body_schema, json_body
from webui.http.sdapi.waiting import ended, failure
from webui.http.services import HttpServices
from webui.services.encoded import encoded
from webui.services.extras import check_upscaler, enlarge, made_of, needs_worker, png_with
from webui.services.metadata import PictureMetadata, read_metadata
from webui.services.records import Extras as Order

MOST_PICTURES = 100
SIDE = Field(ge=1, le=16_384)
SHARE = Field(ge=0, le=1)


def _or(default: Any) -> Any:
    """An entry for which null means the default."""
    return BeforeValidator(lambda given: default if given is None else given)


class Extras(BaseModel):
    """How a finished picture is to be changed. Sizes are in pixels."""

    resize_mode: Annotated[int, Field(ge=0, le=1), _or(0)] = 0
    show_extras_results: bool | None = True
    gfpgan_visibility: Annotated[float, SHARE, _or(0)] = 0
    codeformer_visibility: Annotated[float, SHARE, _or(0)] = 0
    codeformer_weight: Annotated[float, SHARE, _or(0)] = 0
    upscaling_resize: Annotated[float, Field(gt=0, le=LARGEST_FACTOR), _or(2)] = 2
    upscaling_resize_w: Annotated[int, SIDE, _or(512)] = 512
    upscaling_resize_h: Annotated[int, SIDE, _or(512)] = 512
    upscaling_crop: Annotated[bool, _or(True)] = True
    upscaler_1: Annotated[str, _or(NOT_ENLARGED)] = NOT_ENLARGED
    upscaler_2: Annotated[str, _or(NOT_ENLARGED)] = NOT_ENLARGED
    extras_upscaler_2_visibility: Annotated[float, SHARE, _or(0)] = 0
    upscale_first: bool | None = False


class SingleExtras(Extras):
    """The same with its picture."""

    image: str = ""


class NamedPicture(BaseModel):
    """A picture of a batch."""

    data: str
    name: str = ""


class BatchExtras(Extras):
    """The same with its pictures."""

    imageList: list[NamedPicture] = Field(default_factory=list, max_length=MOST_PICTURES)  # noqa: N815 - its name in the contract


class Pnginfo(BaseModel):
    """A picture whose texts are asked for."""

    image: str = ""


def router(services: HttpServices) -> APIRouter:
    """The routes."""
    routes = APIRouter(route_class=ApiRoute)

    @routes.post("/png-info", openapi_extra=body_schema(_schema(Pnginfo)), responses=REFUSALS)
    async def png_info(request: Request) -> dict[str, Any]:
        """The texts in a picture: its infotext, all of them, and the infotext's entries."""
        wanted = _checked(Pnginfo, await json_body(request))
        if not wanted.image.strip():
            return {"info": "", "items": {}, "parameters": {}}
        data = await decode(services, wanted.image, "image")
        said = await run_in_threadpool(read_metadata, data)
        if said is None:
            raise InvalidRequest(Message("error.not_a_picture", {}, "image"))
        return _told(said)

    @routes.post(
        "/extra-single-image", openapi_extra=body_schema(_schema(SingleExtras)), responses=REFUSALS
    )
    async def single(request: Request) -> dict[str, Any]:
        """A picture made larger."""
        wanted = _checked(SingleExtras, await json_body(request))
        wish = _wish(services, wanted)
        done = await _enlarged(services, owner_of(request.headers), [wanted.image], wish, "image")
        return {"html_info": "", "image": done[0]}

    @routes.post(
        "/extra-batch-images", openapi_extra=body_schema(_schema(BatchExtras)), responses=REFUSALS
    )
    async def batch(request: Request) -> dict[str, Any]:
        """Many pictures made larger, in their order."""
        wanted = _checked(BatchExtras, await json_body(request))
        wish = _wish(services, wanted)
        given = [picture.data for picture in wanted.imageList]
        done = await _enlarged(services, owner_of(request.headers), given, wish, "imageList")
        return {"html_info": "", "images": done}

    return routes


async def _enlarged(
    services: HttpServices, owner: str, given: Sequence[str], wish: Enlarging, field: str
) -> list[str]:
    """Each picture as base64 of a PNG that keeps its infotext; one at a time."""
    done = []
    for text in given:
        data = await decode(services, text, field)
        said = await run_in_threadpool(read_metadata, data)
        [taken] = await take(services, owner, [(field, data)])
        infotext = said.infotext if said else ""
        _check_size((taken.width, taken.height), wish)
        if needs_worker(wish):
            plain = await _by_worker(services, owner, Order(taken.id, wish, infotext))
            done.append(await run_in_threadpool(_named, plain, infotext, wish))
            continue
        plain = await run_in_threadpool(services.inputs.content, owner, taken.id)
        done.append(await run_in_threadpool(_result, plain, infotext, wish))
    return done


def _check_size(size: tuple[int, int], wish: Enlarging) -> None:
    """Refuses what would be too large, by the names that clients know."""
    if not wish.upscalers:
        return
    try:
        enlarged_size(size, wish)
    except InvalidRequest as error:
        names = {"factor": "upscaling_resize", "width": "upscaling_resize_w"}
        problems = (replace(p, field=names.get(p.field or "")) for p in error.problems)
        raise InvalidRequest(*problems) from error


async def _by_worker(services: HttpServices, owner: str, order: Order) -> bytes:
    """The enlarged picture's file; the job leaves nothing behind.

    Raises:
        InkstoneError: why there is none.
    """
    made = made_of({}, services.names())
    job = await run_in_threadpool(
        partial(services.jobs.submit, owner, made, extras=order, keep=False)
    )
    over = await ended(services, job)
    try:
        pictures = services.images.of_job(job.id)
        files = [await run_in_threadpool(services.images.content, one) for one in pictures]
    finally:
        await run_in_threadpool(services.images.discard, job.id)
    if over.error is not None or not files:
        raise failure(over.error or Message("error.pictures_missing", {"done": 0}))
    return files[0]


def _named(plain: bytes, infotext: str, wish: Enlarging) -> str:
    with Image.open(io.BytesIO(plain)) as image:
        image.load()
        return encoded(png_with(image, infotext, wish))


def _result(plain: bytes, infotext: str, wish: Enlarging) -> str:
    with Image.open(io.BytesIO(plain)) as image:
        image.load()
        larger = enlarge(image, wish)
    return encoded(png_with(larger, infotext, wish))


def _wish(services: HttpServices, wanted: Extras) -> Enlarging:
    """What is to be done.

    Raises:
        InvalidRequest: an upscaler is unknown, or faces are to be mended.
    """
    faces = ("gfpgan_visibility", "codeformer_visibility")
    asked = [name for name in faces if getattr(wanted, name) > 0]
    if asked and not services.api.compatible:
        raise InvalidRequest(*(Message("error.api_unsupported", {"name": n}, n) for n in asked))
    names = services.names()
    return Enlarging(
        "size" if wanted.resize_mode else "factor",
        wanted.upscaling_resize,
        wanted.upscaling_resize_w,
        wanted.upscaling_resize_h,
        wanted.upscaling_crop,
        check_upscaler(wanted.upscaler_1, "upscaler_1", names),
        check_upscaler(wanted.upscaler_2, "upscaler_2", names),
        wanted.extras_upscaler_2_visibility,
    )


def _told(said: PictureMetadata) -> dict[str, Any]:
    parsed = infotext.parse(said.infotext)
    parameters: dict[str, str] = {}
    if said.infotext:
        parameters = {"Prompt": parsed.prompt, "Negative prompt": parsed.negative_prompt}
        parameters |= _pairs_split(parsed.settings)
    return {"info": said.infotext, "items": dict(said.chunks), "parameters": parameters}


def _pairs_split(entries: Mapping[str, str]) -> dict[str, str]:
    """Sizes "WxH" become two entries, as clients know them."""
    found: dict[str, str] = {}
    for key, value in entries.items():
        width, by, height = value.partition("x")
        if by and width.isdecimal() and height.isdecimal():
            found |= {f"{key}-1": width, f"{key}-2": height}
        else:
            found[key] = value
    return found


def _checked(model: type[Any], body: dict[str, Any]) -> Any:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        problems = [
            Message(
                "error.body",
                {"at": ".".join(map(str, row["loc"])), "why": shorten(row["msg"])},
                str(row["loc"][0]) if row["loc"] else None,
            )
            for row in error.errors(include_url=False)[:20]
        ]
        raise InvalidRequest(*problems) from error


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    """The model's schema with the parts that it refers to put in their places."""
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})
    for entry in schema["properties"].values():
        name = entry.get("items", {}).get("$ref", "").rpartition("/")[2]
        if name in parts:
            entry["items"] = parts[name]
    return schema
