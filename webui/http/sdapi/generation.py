"""txt2img and img2img: a request waits for its pictures, which the queue makes like all others."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from webui.core.errors import InkstoneError, InvalidRequest, Message, NotFound, StorageError
from webui.core.request import GenerationRequest
from webui.core.validation import complete
from webui.http.identity import language_of, owner_of
from webui.http.sdapi.pictures import decode, of_size, take
from webui.http.sdapi.route import REFUSALS, ApiRoute, body_schema, json_body
from webui.http.sdapi.tasks import Tasks, new_task
from webui.http.sdapi.waiting import ended, failure
from webui.http.services import HttpServices
from webui.services.compat import requests
from webui.services.compat import starts as start_pictures
from webui.services.compat.answers import Model, info, timestamp
from webui.services.compat.lenient import lenient, without_unsupported
from webui.services.compat.rows import Kind, schema
from webui.services.encoded import encoded
from webui.services.reading import Reader
from webui.services.records import Job, Picture

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
START = "init_image"
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
    500: {"description": "The pictures could not be made; `problems` say why."},
    501: {"description": "It asks for what this program cannot do."},
    503: {"description": "The server is being stopped."},
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


@dataclass(frozen=True)
class Commission:
    """What a client asked for, as one request, and the jobs that draw it in their order."""

    request: GenerationRequest
    jobs: tuple[Job, ...]


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
            starts = await self._starts(owner, wanted)
            values = {**wanted.values, **await self._pictures(owner, wanted)}
            asked = await run_in_threadpool(self._submit, owner, wanted, values, starts)
        except InvalidRequest as error:
            raise InvalidRequest(*(_renamed(p, body) for p in error.problems)) from error
        over = await self._over(asked)
        return await run_in_threadpool(self._answer, over, wanted, language)

    def _wanted(self, owner: str, body: dict[str, Any], kind: Kind) -> requests.Wanted:
        services = self._services
        if services.api.compatible:
            body = without_unsupported(body)
        text = body.get("infotext")
        said: Mapping[str, Any] = {}
        if isinstance(text, str) and text:
            said = self._reader.text(text).values
        own, upscalers = services.options.of(owner), services.names().of_pictures()
        wanted = requests.read(body, kind, own=own, said=said, upscalers=upscalers)
        if kind == "img2img" and not wanted.starts:
            raise NotFound("error.api_no_picture", field="init_images")
        if services.api.compatible:
            values = lenient(wanted.values, services.names(), services.styles.names())
            return replace(wanted, values=values)
        return wanted

    async def _starts(self, owner: str, wanted: requests.Wanted) -> list[str]:
        """The names of the pictures to begin with, once they are taken in."""
        files = [(START, await decode(self._services, text, START)) for text in wanted.starts]
        return [picture.id for picture in await take(self._services, owner, files)]

    async def _pictures(self, owner: str, wanted: requests.Wanted) -> dict[str, str]:
        """The names of the request's other pictures by our field, once they are taken in."""
        services = self._services
        files = [
            (field, await decode(services, text, field)) for field, text in wanted.pictures.items()
        ]
        taken = dict(zip(wanted.pictures, await take(services, owner, files), strict=True))
        first = taken.get("first_pass")
        width, height = wanted.values.get("width"), wanted.values.get("height")
        if first is not None and isinstance(width, int) and isinstance(height, int):
            size = max(1, width), max(1, height)
            taken["first_pass"] = await of_size(services, owner, first, size, "first_pass")
        return {field: picture.id for field, picture in taken.items()}

    def _submit(
        self, owner: str, wanted: requests.Wanted, values: dict[str, Any], starts: Sequence[str]
    ) -> Commission:
        services = self._services
        begun = {START: starts[0]} if starts else {}
        asked = complete(services.styles.merge({**values, **begun}), services.names())
        request = start_pictures.with_room(asked, starts)
        jobs: list[Job] = []
        try:
            for part in start_pictures.jobs_of(request, starts):
                jobs.append(services.submit(owner, part, keep=wanted.keep))
        except InkstoneError:
            self._give_up(jobs)
            raise
        name = wanted.task or new_task(wanted.kind)
        self._tasks.note(owner, name, [job.id for job in jobs])
        services.options.change(owner, wanted.lasting)
        return Commission(request, tuple(jobs))

    async def _over(self, asked: Commission) -> Commission:
        """The same when all its jobs are over. Where one fails, the others are given up."""
        over: list[Job] = []
        for job in asked.jobs:
            over.append(await ended(self._services, job))
            if over[-1].error is not None:
                await run_in_threadpool(self._give_up, asked.jobs)
        return replace(asked, jobs=tuple(over))

    def _give_up(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self._services.jobs.cancel(job.owner, job.id)

    def _answer(self, over: Commission, wanted: requests.Wanted, language: str) -> Response:
        """The pictures that were made. One that was skipped or cancelled is not among them."""
        services = self._services
        request, grid = over.request, wanted.grid
        try:
            pictures = self._made(over)
            if grid and not grid.fits(pictures, request.batch_size):
                grid = None
            files = [services.images.content(p) for p in pictures] if wanted.send else []
        finally:
            for job in over.jobs:
                self._discard(job)
        failed = next((job.error for job in over.jobs if job.error is not None), None)
        if failed is not None:
            raise failure(_renamed(failed, wanted.echo))
        if grid and files:
            text = pictures[0].infotext
            files.insert(0, grid.drawn(files, request.batch_size, text))
        answer: dict[str, Any] = {
            "images": [encoded(file) for file in files],
            "parameters": wanted.echo,
            "info": info(
                request,
                pictures,
                timestamp(over.jobs[0]),
                self._model(request),
                grid=grid is not None,
                styles=wanted.values.get("styles") or (),
                version=f"Inkstone {services.version}",
            ),
        }
        notes = [Message("warning.api_setting", {"name": name}) for name in wanted.ignored]
        if notes:
            answer["warnings"] = [services.say(note, language) for note in notes]
        return Response(json.dumps(answer), media_type="application/json")

    def _made(self, over: Commission) -> list[Picture]:
        """The pictures, numbered as those of one request."""
        several = len(over.jobs) > 1
        return [
            replace(picture, index=number) if several else picture
            for number, job in enumerate(over.jobs)
            for picture in self._services.images.of_job(job.id)
            if picture.state != "skipped"
        ]

    def _model(self, request: GenerationRequest) -> Model:
        library = self._services.library
        entry = library.shelf().checkpoints.get(request.checkpoint)
        return Model(
            library.hash_of(request.checkpoint),
            library.vae_hash_of(request.vae),
            inpainting=entry is not None and entry.variant == "inpaint",
        )

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
