"""progress, interrupt and skip: about the jobs of whoever asks, and nobody else's."""

from __future__ import annotations

import io
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from PIL import Image

from webui.http.identity import language_of, owner_of
from webui.http.sdapi.route import ApiRoute
from webui.http.sdapi.tasks import Tasks
from webui.http.services import HttpServices
from webui.services.compat.answers import timestamp
from webui.services.encoded import encoded
from webui.services.records import Job

BEGUN = 0.01
"""What the progress is as soon as a job runs, so that clients see it from an idle server."""

IDLE_STATE: Mapping[str, Any] = {
    "skipped": False,
    "interrupted": False,
    "stopping_generation": False,
    "job": "",
    "job_count": 0,
    "job_timestamp": "0",
    "job_no": 0,
    "sampling_step": 0,
    "sampling_steps": 0,
}
IDLE: Mapping[str, Any] = {
    "progress": 0.0,
    "eta_relative": 0.0,
    "state": IDLE_STATE,
    "current_image": None,
    "textinfo": None,
}


def router(services: HttpServices, tasks: Tasks) -> APIRouter:
    """The routes. Of several jobs that run at once, progress is the oldest one's."""
    routes = APIRouter(route_class=ApiRoute)

    @routes.get("/progress")
    def progress(request: Request, skip_current_image: bool = False) -> dict[str, Any]:
        """How far the asker's running job is; all zero when none runs."""
        owner = owner_of(request.headers)
        job = next(iter(running(services, owner)), None)
        if job is None:
            return dict(IDLE)
        view = services.jobs.view(job, owner)
        step = services.jobs.step(owner, job.id) or {}
        phase = view["phase"] or "start"
        return {
            "progress": fraction(job, view),
            "eta_relative": view["eta_seconds"] or 0.0,
            "state": state(job, view, tasks.name(owner, job.id)),
            "current_image": None if skip_current_image else png(step.get("preview")),
            "textinfo": services.localiser.text(f"phase.{phase}", language_of(request.headers)),
        }

    @routes.post("/interrupt")
    def interrupt(request: Request) -> dict[str, Any]:
        """Ends what runs now; its finished pictures stay, and what waits has its turn."""
        owner = owner_of(request.headers)
        for job in running(services, owner):
            services.jobs.cancel(owner, job.id)
        return {}

    @routes.post("/skip")
    def skip(request: Request) -> None:
        """Gives up the picture that is drawn now and goes on with the next of its job."""
        owner = owner_of(request.headers)
        for job in running(services, owner):
            services.jobs.skip(owner, job.id)

    return routes


def running(services: HttpServices, owner: str) -> list[Job]:
    """The owner's jobs that run, the oldest first."""
    active = services.jobs.list(owner, "all")
    return [job for job in active if job.owner == owner and job.state == "running"]


def fraction(job: Job, view: Mapping[str, Any]) -> float:
    """How much is done: batches, and steps of the one that is drawn."""
    count, number = batches(job, view)
    steps = view["steps"] or 1
    return float(min(BEGUN + number / count + view["step"] / steps / count, 1.0))


def batches(job: Job, view: Mapping[str, Any]) -> tuple[int, int]:
    """How many batches the job has, and how many of them are through."""
    return job.request.batch_count, view["pictures_done"] // job.request.batch_size


def state(job: Job, view: Mapping[str, Any], task: str) -> dict[str, Any]:
    """The state as clients know it."""
    count, number = batches(job, view)
    return {
        **IDLE_STATE,
        "interrupted": job.cancel_requested,
        "job": task,
        "job_count": count,
        "job_timestamp": timestamp(job),
        "job_no": number,
        "sampling_step": view["step"],
        "sampling_steps": view["steps"],
    }


def png(preview: str | None) -> str | None:
    """A preview, which is a data URI of a JPEG, as base64 of a PNG."""
    if not preview:
        return None
    with Image.open(io.BytesIO(b64decode(preview.partition(",")[2]))) as image:
        buffer = io.BytesIO()
        image.save(buffer, "PNG", compress_level=1)
    return encoded(buffer.getvalue())
