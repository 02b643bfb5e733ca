"""Jobs in the hands of workers: what is said about them becomes pictures and ends."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from webui import __version__
from webui.core import infotext
from webui.core.enlarging import infotext_after
from webui.core.errors import InkstoneError, Message, StorageError
from webui.core.events import (
    JobFinished,
    LoadStep,
    ModelFiles,
    PhaseStarted,
    PictureDone,
    PicturesSkipped,
    Remark,
    RunJob,
    StepDone,
    TileDone,
    TilesBegun,
    Upscale,
    UpscalerFile,
)
from webui.core.passes import further_models, upscalers_of
from webui.core.seeds import picture_seeds, single
from webui.services.announce import Announcer
from webui.services.images import ImageStore
from webui.services.job_table import JobTable
from webui.services.originals import Inputs, originals_of
from webui.services.progress import ProgressMeter, meter_of
from webui.services.records import Job, JobState
from webui.services.workers.protocol import WorkerId

MAX_CRASHES = 2
"""A job that kills so many workers is set aside instead of killing the next."""

_log = logging.getLogger(__name__)


class ModelSource(Protocol):
    """What is asked of the model library."""

    def files(self, checkpoint: str, vae: str, field: str = "checkpoint") -> ModelFiles:
        """Where the parts lie; `field` is the one that names the checkpoint.

        Raises:
            ModelFileError: they are not there.
        """

    def embeddings_folders(self) -> tuple[str, ...]:
        """Where textual-inversion files lie."""

    def hash_of(self, name: str) -> str | None:
        """Hash of a checkpoint's file, None while it is not known."""

    def vae_hash_of(self, name: str) -> str | None:
        """The same for a separate VAE; None for "Automatic" as well."""

    def upscaler_files(self, *names: str) -> Mapping[str, UpscalerFile]:
        """Where those of the upscalers lie that are models.

        Raises:
            ModelFileError: one is not there.
        """


class End(NamedTuple):
    """How a worker's hold on a job ends; "queued" puts it back into the queue."""

    state: JobState
    error: Message | None = None
    crashed: bool = False


@dataclass(frozen=True)
class Run:
    """A job in the hands of a worker."""

    job: Job
    worker: WorkerId
    meter: ProgressMeter


class Runs:
    """All running jobs. Changed by the dispatcher's thread; others may read.

    Times `at` are of a monotonic clock, in seconds.
    """

    def __init__(
        self,
        jobs: JobTable,
        images: ImageStore,
        inputs: Inputs,
        library: ModelSource,
        announcer: Announcer,
    ) -> None:
        self._jobs = jobs
        self._images = images
        self._inputs = inputs
        self._library = library
        self._announcer = announcer
        self._runs: dict[str, Run] = {}
        self._unwritten: dict[str, End] = {}

    def worker_of(self, job_id: str) -> WorkerId | None:
        """Who draws this job."""
        run = self._runs.get(job_id)
        return run.worker if run else None

    def all(self) -> list[Run]:
        """What runs now."""
        return list(self._runs.values())

    def prepare(self, job: Job, worker: WorkerId) -> RunJob | Upscale | None:
        """Takes a claimed job in hand: the command for its worker, None if it is over already."""
        settled = {picture.index for picture in self._images.of_job(job.id)}
        missing = tuple(i for i in range(job.request.pictures) if i not in settled)
        if not missing:
            self.end(job.id, End("done"))
            return None
        try:
            command = self._command(job, missing)
        except InkstoneError as error:
            self.end(job.id, End("failed", error.message))
            return None
        meter = ProgressMeter(1, settled, 0) if job.extras else meter_of(job.request, settled)
        self._runs[job.id] = Run(job, worker, meter)
        self._announcer.progress[job.id] = meter.now
        return command

    def _command(self, job: Job, missing: tuple[int, ...]) -> RunJob | Upscale:
        """The job with all that its worker needs for the pictures `missing`.

        Raises:
            InkstoneError: a model or a picture is not there any more.
        """
        request = job.request
        if job.extras:
            wish = job.extras.wish
            picture = self._inputs.content(job.owner, job.extras.picture)
            upscalers = self._library.upscaler_files(*wish.upscalers)
            return Upscale(job.id, wish, picture, request.seed, upscalers)
        others = {
            name: self._library.files(name, request.vae, field)
            for field, name in further_models(request).items()
        }
        files = self._library.files(request.checkpoint, request.vae)
        return RunJob(
            job.id,
            request,
            files,
            missing,
            others,
            originals_of(job, self._images, self._inputs),
            self._library.embeddings_folders(),
            self._library.upscaler_files(*upscalers_of(request)),
        )

    def phase(self, run: Run, event: PhaseStarted, at: float) -> None:
        """The worker entered a phase."""
        run.meter.phase(event.phase, event.index, at)
        self._announcer.moment(run.job, run.meter.now)

    def load_step(self, run: Run, event: LoadStep, at: float) -> None:
        """The worker read a part of a checkpoint."""
        run.meter.load_step(event.done, event.total)
        self._announcer.moment(run.job, run.meter.now)

    def tile(self, run: Run, event: TileDone, at: float) -> None:
        """The worker enlarged a part of a picture."""
        run.meter.tiles(event.done, event.total, at)
        self._announcer.moment(run.job, run.meter.now)

    def tiles_begun(self, run: Run, event: TilesBegun, at: float) -> None:
        """The worker began with further tiles of a picture."""
        run.meter.tiles_begun(event.index, (event.first, event.last, event.total), at)
        self._announcer.moment(run.job, run.meter.now)

    def step(self, run: Run, event: StepDone, at: float) -> None:
        """The worker did a step."""
        run.meter.step(event.indices, event.step, event.steps, at)
        self._announcer.moment(run.job, run.meter.now, event)

    def picture(self, run: Run, event: PictureDone, at: float) -> None:
        """A picture is finished: it is saved before it counts."""
        if event.index in run.meter.settled:
            return
        text, copy = self._texts(run.job, event)
        picture = self._images.save(
            run.job,
            event.index,
            event.seed,
            event.rgb,
            event.width,
            event.height,
            text,
            copy,
            alpha=event.alpha,
        )
        run.meter.settle([event.index], at)
        if run.job.kept:
            self._announcer.picture(picture)
        self._announcer.moment(run.job, run.meter.now)

    def _texts(self, job: Job, event: PictureDone) -> tuple[str, str]:
        """The infotext of a picture, and its request as JSON; "" for one made elsewhere."""
        request = job.request
        alone = single(request, event.index)
        if job.extras:
            before, wish = job.extras.infotext, job.extras.wish
            return infotext_after(before, wish), alone.model_dump_json() if before else ""
        text = infotext.format(
            alone,
            model_hash=self._library.hash_of(request.checkpoint),
            vae_hash=self._library.vae_hash_of(request.vae),
            version=f"Inkstone {__version__}",
            extra=event.extra,
        )
        return text, alone.model_dump_json()

    def remark(self, run: Run, event: Remark, at: float) -> None:
        """The worker has something to say that does not end the job."""
        self._announcer.remark(run.job, event.message)

    def skipped(self, run: Run, event: PicturesSkipped, at: float) -> None:
        """The worker gave pictures up because a person asked for it."""
        seeds = picture_seeds(run.job.request)
        for index in event.indices:
            try:
                self._images.skip(run.job, index, seeds[index])
            except StorageError as error:
                _log.error("skipped picture %s of job %s: %s", index, run.job.id, error)
        run.meter.settle(event.indices, at)
        self._announcer.moment(run.job, run.meter.now)

    def finished(self, run: Run, event: JobFinished, *, stopping: bool) -> None:
        """The worker is through with a job, or was told to stop."""
        complete = len(run.meter.settled) >= run.job.request.pictures
        if event.outcome == "failed":
            end = End("failed", event.error)
        elif complete:
            end = End("done")
        elif event.outcome == "done":
            end = End("failed", Message("error.pictures_missing", {"done": run.meter.now.settled}))
        elif stopping and not self._cancel_requested(run.job.id):
            end = End("queued")
        else:
            end = End("cancelled")
        self.end(run.job.id, end)

    def lost(self, run: Run, exit_code: int | None, *, stopping: bool) -> None:
        """The worker died: the job is over, goes back into the queue, or is set aside."""
        if len(run.meter.settled) >= run.job.request.pictures:
            end = End("done")
        elif self._cancel_requested(run.job.id):
            end = End("cancelled")
        elif stopping:
            end = End("queued")
        elif run.job.crashes + 1 >= MAX_CRASHES:
            values = {"crashes": run.job.crashes + 1, "exit_code": exit_code}
            end = End("set_aside", Message("error.job_crashed_worker", values), crashed=True)
        else:
            end = End("queued", crashed=True)
        self.end(run.job.id, end)

    def end(self, job_id: str, end: End) -> None:
        """Ends a run. What the database refuses to take is kept and tried again."""
        self._runs.pop(job_id, None)
        self._announcer.over(job_id)
        self._unwritten[job_id] = end
        self.write_ends()
        self._announcer.job_changed(job_id)

    def write_ends(self) -> None:
        """Stores ends that are not stored yet; gives up quietly while the disk refuses."""
        for job_id, end in tuple(self._unwritten.items()):
            try:
                self._jobs.leave_running(job_id, end.state, end.error, crashed=end.crashed)
            except StorageError as error:
                _log.error("end of job %s not stored yet: %s", job_id, error)
                self._announcer.outcomes[job_id] = (end.state, end.error)
                continue
            del self._unwritten[job_id]
            self._announcer.outcomes.pop(job_id, None)

    def of(self, job_id: str, worker: WorkerId) -> Run | None:
        """The run of this job, if this very worker has it."""
        run = self._runs.get(job_id)
        return run if run and run.worker == worker else None

    def _cancel_requested(self, job_id: str) -> bool:
        job = self._jobs.get(job_id)
        return job is not None and job.cancel_requested
