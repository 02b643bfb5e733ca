"""The queue as everybody uses it: pages, REST and command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from webui.core.errors import NotFound
from webui.core.events import CancelJob, ModelFiles, Preload, SkipPictures, Unload
from webui.core.request import GenerationRequest
from webui.services.announce import Announcer
from webui.services.dispatch import Dispatcher
from webui.services.hub import EventHub
from webui.services.images import ImageStore
from webui.services.inputs.store import InputStore
from webui.services.job_table import JobTable
from webui.services.originals import check_finished, check_original
from webui.services.records import ACTIVE, Extras, Job, JobState, PictureState
from webui.services.runs import ModelSource, Runs
from webui.services.store import Store
from webui.services.views import picture_view
from webui.services.workers.protocol import WorkerPool

MAX_QUEUED = 500
"""Jobs that one owner may have waiting."""

SHOWN_FINISHED = 50
"""How many of an owner's ended jobs the queue panel lists."""

SHOWN: tuple[PictureState, ...] = ("saved", "unsaved")
"""Pictures that a browser can ask for."""

Scope = Literal["mine", "all"]


class JobService:
    """Takes jobs, starts them fairly, and tells how they are. Thread-safe."""

    def __init__(
        self,
        store: Store,
        images: ImageStore,
        inputs: InputStore,
        hub: EventHub,
        pool: WorkerPool,
        library: ModelSource,
        *,
        max_queued: int = MAX_QUEUED,
    ) -> None:
        self._images = images
        self._inputs = inputs
        self._pool = pool
        self._max_queued = max_queued
        self._jobs = JobTable(store)
        self._announcer = Announcer(hub, self._jobs, images)
        self._runs = Runs(self._jobs, images, inputs, library, self._announcer)
        self._dispatcher = Dispatcher(self._jobs, self._runs, pool, self._announcer)

    def start(self, preload: ModelFiles | None = None) -> None:
        """Settles what the last run left open, then starts the workers and the queue.

        `preload`: the model that workers load before there is a job.

        Raises:
            StorageError: the database cannot be written.
        """
        self._images.recover()
        self._inputs.recover()
        for job in self._jobs.in_states(ACTIVE):
            if not job.kept:  # whoever waited for its pictures is gone
                self._jobs.request_cancel(job.id)
        for job in self._jobs.in_states(["running"]):
            complete = len(self._images.of_job(job.id)) >= job.request.pictures
            ended: JobState = "cancelled" if job.cancel_requested else "queued"
            self._jobs.leave_running(job.id, "done" if complete else ended)
        self._dispatcher.start(preload)
        self._pool.start(self._dispatcher.take)

    def close(self) -> None:
        """Stops the workers; jobs that ran go back into the queue with their pictures kept."""
        self._dispatcher.pause()
        self._pool.close()
        self._dispatcher.stop()

    def submit(
        self,
        owner: str,
        request: GenerationRequest,
        *,
        idempotency_key: str | None = None,
        keep: bool = True,
        extras: Extras | None = None,
    ) -> Job:
        """Puts a job into the queue. A key that was used before gives the job of that time.

        `keep`: its pictures go into the history. Else they are there until somebody calls
        `discard` of the image store, or the server starts again. `extras`: what it does instead
        of drawing; the request says what the picture was made of.

        Raises:
            InvalidRequest: too many jobs of this owner wait already, or a picture that the
                request begins with is not there.
            StorageError: the database cannot be written.
        """
        if extras:
            check_finished(owner, extras, self._inputs)
        else:
            check_original(owner, request, self._images, self._inputs)
        job = self._jobs.add(
            owner, request, idempotency_key, self._max_queued, keep=keep, extras=extras
        )
        self._dispatcher.changed(job.id)
        return job

    def rerun(self, owner: str, job_id: str) -> Job:
        """Puts the same request into the queue again.

        Raises:
            NotFound: no such job of this owner.
        """
        job = self.get(owner, job_id)
        return self.submit(owner, job.request, extras=job.extras)

    def cancel(self, owner: str, job_id: str, *, admin: bool = False) -> Job:
        """Ends a job: at once while it waits, within one step while it runs.

        Raises:
            NotFound: no such job of this owner (of anybody for an administrator).
        """
        self.get(owner, job_id, admin=admin)
        self._jobs.request_cancel(job_id)
        worker = self._runs.worker_of(job_id)
        if worker:
            self._pool.send(worker, CancelJob(job_id))
        self._dispatcher.changed(job_id)
        return self.get(owner, job_id, admin=admin)

    def move(self, owner: str, job_id: str, before: str | None = None) -> Job:
        """Puts a waiting job in front of another of the same owner, or behind all of them.

        Raises:
            NotFound: one of the two does not wait, or is somebody else's.
        """
        self._jobs.move(owner, job_id, before)
        self._dispatcher.changed(job_id)
        return self.get(owner, job_id)

    def skip(self, owner: str, job_id: str, *, admin: bool = False) -> Job:
        """Gives up the pictures that are drawn now and goes on with the next of the job.

        A job that has no next, because it makes a finished picture larger, is cancelled.

        Raises:
            NotFound: no such job of this owner (of anybody for an administrator).
        """
        job = self.get(owner, job_id, admin=admin)
        worker = self._runs.worker_of(job_id)
        if worker and job.extras:
            return self.cancel(owner, job_id, admin=admin)
        if worker:
            self._pool.send(worker, SkipPictures(job_id))
        return job

    def get(self, owner: str, job_id: str, *, admin: bool = False) -> Job:
        """A job of this owner (of anybody for an administrator).

        Raises:
            NotFound: there is none.
        """
        job = self._announcer.fetch(job_id)
        if job is None or not (admin or job.owner == owner):
            raise NotFound("error.job_not_found", id=job_id)
        return job

    def list(self, owner: str, scope: Scope = "mine") -> Sequence[Job]:
        """Jobs that run, then those that wait in the order of their turn, then the owner's ended.

        "mine": the owner's only; "all": everybody's, as far as they run or wait.
        """
        jobs = self._open()
        if scope == "all":
            return [job for job in jobs if job.active]
        mine = [job for job in jobs if job.owner == owner]
        return [*mine, *self._jobs.finished(owner, SHOWN_FINISHED)]

    def view(self, job: Job, viewer: str) -> dict[str, Any]:
        """The job as JSON, as `viewer` may see it."""
        return self._announcer.views([job], viewer)[0]

    def views(self, jobs: Sequence[Job], viewer: str) -> Sequence[dict[str, Any]]:
        """Many jobs as JSON; cheaper than one by one."""
        return self._announcer.views(jobs, viewer)

    def step(self, owner: str, job_id: str) -> dict[str, Any] | None:
        """The latest moment of a running job with its preview, in the form of the events.

        None when it does not run, or is somebody else's.

        Raises:
            NotFound: no such job of this owner.
        """
        self.get(owner, job_id)
        return self._announcer.steps.get(job_id)

    def load(self, files: ModelFiles) -> None:
        """Has all workers load this model when they are through with what they do."""
        for worker in self._dispatcher.crew.workers():
            self._pool.send(worker, Preload(files))

    def unload(self) -> None:
        """Has all workers give the memory of their models back; the next job loads its own."""
        for worker in self._dispatcher.crew.workers():
            self._pool.send(worker, Unload())

    def worker_view(self) -> dict[str, Any]:
        """The state of the workers as JSON."""
        return dict(self._dispatcher.crew.view())

    def memory(self) -> int | None:
        """The memory of the largest worker's device in bytes, None while it is not known."""
        return self._dispatcher.crew.memory()

    def snapshot(self, owner: str) -> dict[str, Any]:
        """All that a browser needs to show where things are, after a reload."""
        active = self.list(owner, "all")
        latest = next(
            (job.id for job in active if job.owner == owner and job.state == "running"), None
        )
        latest = latest or self._images.latest_job(owner)
        pictures = self._images.of_job(latest) if latest else []
        mine = {job.id for job in active if job.owner == owner}
        return {
            "jobs": self.views(active, owner),
            "pictures": [picture_view(p) for p in pictures if p.state in SHOWN],
            "steps": [
                step for job_id, step in list(self._announcer.steps.items()) if job_id in mine
            ],
            "worker": self.worker_view(),
            "queue": self._announcer.queue_view(),
        }

    def _open(self) -> Sequence[Job]:
        """What runs, what waits in the order of its turn, and what is over but not stored so."""
        order = {job_id: place for place, job_id in enumerate(self._jobs.order())}
        rank = {"running": 0, "queued": 1}
        return sorted(
            self._announcer.fetch_open(),
            key=lambda job: (rank.get(job.state, 2), order.get(job.id, 0), job.sequence),
        )
