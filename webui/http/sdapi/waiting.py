"""Waits for the end of a job without a thread, and without asking again and again."""

from __future__ import annotations

from fastapi.concurrency import run_in_threadpool

from webui.core.errors import InkstoneError, InvalidRequest, Message, Stopping
from webui.http.services import HttpServices
from webui.services.hub import Event
from webui.services.records import ACTIVE, Job


async def ended(services: HttpServices, job: Job) -> Job:
    """The job when it is over, however it ended.

    Raises:
        Stopping: the server stops. The job goes on when it starts again, unless its pictures
            are not to be kept.
    """

    def concerns(event: Event) -> bool:
        about = event.kind == "job" and event.payload["id"] == job.id
        return about and event.payload["state"] not in ACTIVE

    while True:
        # Listens first and looks then, so that the end cannot fall between the two.
        async with services.hub.subscribe(job.owner, only=concerns) as news:
            now = await run_in_threadpool(services.jobs.get, job.owner, job.id)
            if not now.active:
                return now
            if services.hub.closed:
                raise Stopping("error.api_stopping")
            async for _ in news:
                break


def failure(why: Message) -> InkstoneError:
    """What ended a job, as the error of its request.

    The worker knows limits that only the loaded model has. What it says about an entry of the
    request is as good as if it had been said before.
    """
    if why.field is not None:
        return InvalidRequest(why)
    return InkstoneError(why.key, **why.values)
