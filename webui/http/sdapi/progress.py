"""progress, interrupt and skip: about the jobs of whoever asks, and nobody else's."""

from __future__ import annotations

import io
import math
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from PIL import Image

from webui.http.identity import language_of, owner_of
from webui.http.sdapi.route import ApiRoute
from webui.http.sdapi.tasks import Task, Tasks
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


@dataclass(frozen=True)
class Order:
    """A request that is not over: its task, and those of its jobs that run or wait, at least one.

    Those that run come first.
    """

    task: Task
    open: tuple[Job, ...]

    @property
    def now(self) -> Job:
        """The job that is drawn, or drawn next."""
        return self.open[0]

    @property
    def begun(self) -> bool:
        """Whether anything was drawn. Between two of its jobs none runs for a moment."""
        return self.now.state == "running" or len(self.open) < len(self.task.jobs)

    def has(self, task: Task) -> bool:
        """Whether a job of the task runs or waits."""
        return any(job.id in task.jobs for job in self.open)

    def batches(self, view: Mapping[str, Any]) -> tuple[int, int]:
        """How many batches there are, of tiles with SD upscale, and how many are through.

        `view`: of the job now. Of several jobs each counts as one.
        """
        if len(self.task.jobs) > 1:
            return len(self.task.jobs), len(self.task.jobs) - len(self.open)
        request, done = self.now.request, view["pictures_done"]
        if not request.tile_upscale:
            return request.batch_count, done // request.batch_size
        first, _, tiles = view["tiles"] or (1, 1, 1)
        each = math.ceil(tiles / request.batch_size)
        return request.batch_count * each, done * each + (first - 1) // request.batch_size


def router(services: HttpServices, tasks: Tasks) -> APIRouter:
    """The routes. Of several jobs that run at once, progress is the oldest one's."""
    routes = APIRouter(route_class=ApiRoute)

    @routes.get("/progress")
    def progress(request: Request, skip_current_image: bool = False) -> dict[str, Any]:
        """How far the asker's running job is; all zero when none runs."""
        owner = owner_of(request.headers)
        order = next((order for order in orders(services, tasks, owner) if order.begun), None)
        if order is None:
            return dict(IDLE)
        view = services.jobs.view(order.now, owner)
        step = services.jobs.step(owner, order.now.id) or {}
        phase = view["phase"] or "start"
        return {
            "progress": fraction(order, view),
            "eta_relative": view["eta_seconds"] or 0.0,
            "state": state(order, view),
            "current_image": None if skip_current_image else png(step.get("preview")),
            "textinfo": services.localiser.text(f"phase.{phase}", language_of(request.headers)),
        }

    @routes.post("/interrupt")
    def interrupt(request: Request) -> dict[str, Any]:
        """Ends what runs now; its finished pictures stay, and what waits has its turn."""
        owner = owner_of(request.headers)
        for order in orders(services, tasks, owner):
            for job in order.open if order.begun else ():
                services.jobs.cancel(owner, job.id)
        return {}

    @routes.post("/skip")
    def skip(request: Request) -> None:
        """Gives up the picture that is drawn now and goes on with the next of its job."""
        owner = owner_of(request.headers)
        for order in orders(services, tasks, owner):
            for job in order.open:
                if job.state == "running":
                    services.jobs.skip(owner, job.id)

    return routes


def orders(services: HttpServices, tasks: Tasks, owner: str) -> list[Order]:
    """The owner's requests that are not over: those that run, then those that wait."""
    found: dict[Task, list[Job]] = {}
    for job in services.jobs.list(owner, "all"):
        if job.owner == owner:
            found.setdefault(tasks.of(owner, job.id), []).append(job)
    return [Order(task, tuple(jobs)) for task, jobs in found.items()]


def fraction(order: Order, view: Mapping[str, Any]) -> float:
    """How much is done: batches, and steps of the one that is drawn. `view`: of its job now."""
    count, number = order.batches(view)
    steps = view["steps"] or 1
    return float(min(BEGUN + number / count + view["step"] / steps / count, 1.0))


def state(order: Order, view: Mapping[str, Any]) -> dict[str, Any]:
    """The state as clients know it."""
    count, number = order.batches(view)
    return {
        **IDLE_STATE,
        "interrupted": order.now.cancel_requested,
        "job": order.task.name,
        "job_count": count,
        "job_timestamp": timestamp(order.now),
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
