"""txt2img and img2img: a request waits for its pictures, which the queue makes like all others."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from webui.core.errors import InkstoneError, InvalidRequest, Message, NotFound, StorageError
from webui.core.validation import complete
from webui.http.identity import language_of, owner_of
from webui.http.sdapi.pictures import decode, of_size, take
from webui.http.sdapi.route import REFUSALS, ApiRoute, body_schema, json_body
from webui.http.sdapi.tasks import Tasks, new_task
from webui.http.sdapi.waiting import ended
from webui.http.services import HttpServices
from webui.services.compat import requests
from webui.services.compat.answers import info
from webui.services.compat.lenient import lenient, without_unsupported
from webui.services.compat.rows import Kind, schema
from webui.services.encoded import encoded
from webui.services.reading import Reader
from webui.services.records import Job

TXT2IMG: dict[str, Any] = {"prompt": "a red apple", "steps": 20, "cfg_scale": 5, "seed": 42}
HIRES: dict[str, Any] = {
    **TXT2IMG,
    "enable_hr": True,
    "hr_scale": 2,
    "hr_upscaler": "Latent",
    "denoising_strength": 0.6,
}
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
IMG2IMG: dict[str, Any] = {**TXT2IMG, "init_images": [DOT], "denoising_strength": 0.5}
ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The pictures as base64, and `info`, JSON in a text.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "images": {"type": "array", "items": {"type": "string"}},
                        "parameters": {"type": "object"},
                        "info": {"type": "string"},
                    },
                }
            }
        },
    },
    404: {"description": "There is no start picture."},
    501: {"description": "It asks for what this program cannot do."},
    **REFUSALS,
}

_log = logging.getLogger(__name__)


def router(services: HttpServices, tasks: Tasks) -> APIRouter:
    """The two routes."""
    routes = APIRouter(route_class=ApiRoute)
    artist = Artist(services, tasks)

    @routes.post(
        "/txt2img", openapi_extra=body_schema(schema("txt2img"), TXT2IMG, HIRES), responses=ANSWER
    )
    async def txt2img(request: Request) -> Response:
        """Draws from a prompt, and answers when the pictures are there."""
        return await artist.draw(request, "txt2img")

    @routes.post(
        "/img2img", openapi_extra=body_schema(schema("img2img"), IMG2IMG), responses=ANSWER
    )
    async def img2img(request: Request) -> Response:
        """Draws from a picture, or a part of it anew under a mask."""
        return await artist.draw(request, "img2img")

    return routes


class Artist:
    """Takes a request from its JSON to the pictures."""

    def __init__(self, services: HttpServices, tasks: Tasks) -> None:
        self._services = services
        self._tasks = tasks
        self._reader = Reader(services.names, services.library)

    async def draw(self, request: Request, kind: Kind) -> Response:
        """The whole way.

        Raises:
            InkstoneError: what is wrong with the request, or why it failed.
        """
        owner, language = owner_of(request.headers), language_of(request.headers)
        body = await json_body(request)
        try:
            wanted = await run_in_threadpool(self._wanted, owner, body, kind)
            values = {**wanted.values, **await self._pictures(owner, wanted)}
            job = await run_in_threadpool(self._submit, owner, wanted, values)
        except InvalidRequest as error:
            raise InvalidRequest(*(_renamed(p, body) for p in error.problems)) from error
        over = await ended(self._services, job)
        return await run_in_threadpool(self._answer, over, wanted, language)

    def _wanted(self, owner: str, body: dict[str, Any], kind: Kind) -> requests.Wanted:
        services = self._services
        if services.api.compatible:
            body = without_unsupported(body)
        text = body.get("infotext")
        said: Mapping[str, Any] = {}
        if isinstance(text, str) and text:
            said = self._reader.text(text).values
        wanted = requests.read(body, kind, own=services.options.of(owner), said=said)
        if kind == "img2img" and "init_image" not in wanted.pictures:
            raise NotFound("error.api_no_picture", field="init_images")
        if services.api.compatible:
            values = lenient(wanted.values, services.names(), services.styles.names())
            return replace(wanted, values=values)
        return wanted

    async def _pictures(self, owner: str, wanted: requests.Wanted) -> dict[str, str]:
        """The names of the request's pictures by our field, once they are taken in."""
        services = self._services
        files = {
            field: await decode(services, text, field) for field, text in wanted.pictures.items()
        }
        taken = await take(services, owner, files)
        first = taken.get("first_pass")
        width, height = wanted.values.get("width"), wanted.values.get("height")
        if first is not None and isinstance(width, int) and isinstance(height, int):
            size = max(1, width), max(1, height)
            taken["first_pass"] = await of_size(services, owner, first, size, "first_pass")
        return {field: picture.id for field, picture in taken.items()}

    def _submit(self, owner: str, wanted: requests.Wanted, values: dict[str, Any]) -> Job:
        services = self._services
        asked = complete(services.styles.merge(values), services.names())
        job = services.submit(owner, asked, keep=wanted.keep)
        self._tasks.note(owner, wanted.task or new_task(wanted.kind), job.id)
        services.options.change(owner, wanted.lasting)
        return job

    def _answer(self, job: Job, wanted: requests.Wanted, language: str) -> Response:
        """The pictures that were made. One that was skipped or cancelled is not among them."""
        services = self._services
        try:
            pictures = [p for p in services.images.of_job(job.id) if p.state != "skipped"]
            files = [services.images.content(p) for p in pictures] if wanted.send else []
        finally:
            self._discard(job)
        if job.error is not None:
            raise InkstoneError(job.error.key, field=job.error.field, **job.error.values)
        library, asked = services.library, job.request
        said = info(
            job,
            pictures,
            styles=wanted.values.get("styles") or (),
            model_hash=library.hash_of(asked.checkpoint),
            vae_hash=library.vae_hash_of(asked.vae),
            version=f"Inkstone {services.version}",
        )
        answer: dict[str, Any] = {
            "images": [encoded(file) for file in files],
            "parameters": wanted.echo,
            "info": said,
        }
        notes = [Message("warning.api_setting", {"name": name}) for name in wanted.ignored]
        if notes:
            answer["warnings"] = [services.say(note, language) for note in notes]
        return Response(json.dumps(answer), media_type="application/json")

    def _discard(self, job: Job) -> None:
        """Removes pictures that were for this answer alone; what cannot be, the next start does."""
        try:
            if not job.kept:
                self._services.images.discard(job.id)
        except StorageError as error:
            _log.warning("pictures of job %s not removed: %s", job.id, error)


def _renamed(problem: Message, body: Mapping[str, Any]) -> Message:
    """The problem with the entry that the client knows instead of our field."""
    field = requests.entry_of(problem.field, body) if problem.field else None
    return replace(problem, field=field)
