"""Tells browsers what changed, each in the form that its viewer may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from webui.core.errors import Message
from webui.core.events import StepDone
from webui.services.hub import EventHub
from webui.services.images import ImageStore
from webui.services.job_table import JobTable
from webui.services.progress import Progress
from webui.services.records import ACTIVE, Job, JobState, Picture
from webui.services.views import job_view, picture_view, step_view

NOBODY = ""
"""A viewer who owns nothing: what everybody may see."""

REMEMBERED_REMARKS = 200
"""Of how many jobs remarks are kept, in memory: they are notes to those who watch."""

SHOWN_QUEUE = 30
"""How many waiting jobs get news about their place in the line."""


class Announcer:
    """Makes views of jobs and publishes them. Thread-safe for reading.

    `outcomes` holds ends of jobs that the database has not taken yet (a full disk): they are
    shown as what they are.
    """

    def __init__(self, hub: EventHub, jobs: JobTable, images: ImageStore) -> None:
        self._hub = hub
        self._jobs = jobs
        self._images = images
        self.progress: dict[str, Progress] = {}
        self.steps: dict[str, dict[str, Any]] = {}
        self.outcomes: dict[str, tuple[JobState, Message | None]] = {}
        self._remarks: dict[str, tuple[Message, ...]] = {}

    def fetch(self, job_id: str) -> Job | None:
        """The job as it is now."""
        # Ends first: one that is stored in between is then found in the row.
        outcomes = dict(self.outcomes)
        job = self._jobs.get(job_id)
        return _ended(job, outcomes) if job else None

    def fetch_open(self) -> list[Job]:
        """All jobs that run or wait, and those whose end is not stored yet."""
        outcomes = dict(self.outcomes)
        return [_ended(job, outcomes) for job in self._jobs.in_states(ACTIVE)]

    def views(self, jobs: Sequence[Job], viewer: str) -> list[dict[str, Any]]:
        """These jobs as `viewer` may see them."""
        return [mine for (mine,) in self._faces(jobs, [viewer])]

    def publish(self, jobs: Sequence[Job]) -> None:
        """Sends jobs to their owners, and without their content to all others."""
        for job, (mine, others) in zip(jobs, self._faces(jobs, [None, NOBODY]), strict=True):
            self._hub.publish("job", mine, owner=job.owner, others=others)

    def _faces(
        self, jobs: Sequence[Job], viewers: Sequence[str | None]
    ) -> list[list[dict[str, Any]]]:
        """For each job its view for each viewer, None standing for its owner."""
        order = self._jobs.order() if any(job.state == "queued" for job in jobs) else []
        places = {job_id: place for place, job_id in enumerate(order, 1)}
        counts = self._images.saved_counts([job.id for job in jobs])
        return [
            [
                job_view(
                    job,
                    job.owner if viewer is None else viewer,
                    counts.get(job.id, 0),
                    places.get(job.id),
                    self.progress.get(job.id),
                    self._remarks.get(job.id, ()),
                )
                for viewer in viewers
            ]
            for job in jobs
        ]

    def job_changed(self, job_id: str) -> None:
        """Publishes a job as the database has it now, and what that means for the queue."""
        self.job_now(job_id)
        self.queue()

    def job_now(self, job_id: str) -> None:
        """Publishes a job as the database has it now."""
        job = self.fetch(job_id)
        if job:
            self.publish([job])

    def queue(self) -> None:
        """Publishes the figures of the queue and the new places of those who wait."""
        self._hub.publish("queue", self.queue_view())
        places = self._jobs.order()[:SHOWN_QUEUE]
        if places:
            waiting = {job.id: job for job in self._jobs.some(places)}
            self.publish([waiting[job_id] for job_id in places if job_id in waiting])

    def queue_view(self) -> dict[str, Any]:
        """The figures of the queue: nothing in them is anybody's."""
        counts = self._jobs.counts()
        return counts._asdict()

    def moment(self, job: Job, progress: Progress, step: StepDone | None = None) -> None:
        """Publishes where a running job is; only the owner sees its preview."""
        self.progress[job.id] = progress
        view = step_view(job.id, progress, step)
        earlier = self.steps.get(job.id)
        same_batch = earlier is not None and earlier["indices"] == view["indices"]
        kept = earlier["preview"] if earlier and same_batch else None
        self.steps[job.id] = {**view, "preview": view["preview"] or kept}
        self._hub.publish("step", view, owner=job.owner, others={**view, "preview": None})

    def remark(self, job: Job, message: Message) -> None:
        """Adds a remark to a running job, once, and publishes the job with it."""
        earlier = self._remarks.get(job.id, ())
        if message not in earlier:
            self._remarks[job.id] = (*earlier, message)
            for old in [*self._remarks][:-REMEMBERED_REMARKS]:
                del self._remarks[old]
            self.job_now(job.id)

    def over(self, job_id: str) -> None:
        """Forgets where a job was: it does not run any more."""
        self.progress.pop(job_id, None)
        self.steps.pop(job_id, None)

    def picture(self, picture: Picture) -> None:
        """Publishes a finished picture to its owner."""
        self._hub.publish("picture", picture_view(picture), owner=picture.owner)

    def worker(self, view: Any) -> None:
        """Publishes the state of the workers."""
        self._hub.publish("worker", view)


def _ended(job: Job, outcomes: Mapping[str, tuple[JobState, Message | None]]) -> Job:
    outcome = outcomes.get(job.id)
    return replace(job, state=outcome[0], error=outcome[1]) if outcome else job
