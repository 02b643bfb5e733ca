"""The thread that gives jobs to workers and takes in what they say, one thing at a time."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from webui.core.errors import InkstoneError, Message, StorageError
from webui.core.events import (
    CancelJob,
    JobEvent,
    JobFinished,
    LoadStep,
    ModelFiles,
    ModelLoaded,
    PhaseStarted,
    PictureDone,
    PicturesSkipped,
    Preload,
    Remark,
    StepDone,
    TileDone,
    TilesBegun,
    WorkerReady,
)
from webui.services.announce import Announcer
from webui.services.crew import Crew, Member
from webui.services.job_table import JobTable
from webui.services.records import Job
from webui.services.runs import End, Run, Runs
from webui.services.workers.protocol import (
    PoolEvent,
    WorkerDied,
    WorkerId,
    WorkerPool,
    WorkerStarting,
)

RETRY_SECONDS = 5.0
"""How often a database that refuses to be written is asked again."""

_FAULTS = (InkstoneError, SQLAlchemyError, OSError, ValueError, LookupError, TypeError)
"""What may go wrong with one job without ending the service."""

_log = logging.getLogger(__name__)


class _Said(NamedTuple):
    worker: WorkerId
    event: PoolEvent
    at: float


class _Changed(NamedTuple):
    """Somebody submitted or cancelled this job."""

    job_id: str


class _Signal(Enum):
    LOOK = "look for jobs"
    STOP = "stop"


class Dispatcher:
    """Serves the queue. Everything public may be called from any thread."""

    def __init__(self, jobs: JobTable, runs: Runs, pool: WorkerPool, announcer: Announcer) -> None:
        self.crew = Crew()
        self._jobs = jobs
        self._runs = runs
        self._pool = pool
        self._announcer = announcer
        self._preload: ModelFiles | None = None
        self._inbox: queue.Queue[_Said | _Changed | _Signal] = queue.Queue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="dispatch", daemon=True)
        self._worker_handlers: Mapping[type[Any], Callable[[WorkerId, Any], None]] = {
            WorkerStarting: self._on_starting,
            WorkerReady: self._on_ready,
            WorkerDied: self._on_died,
            ModelLoaded: self._on_loaded,
        }
        self._job_handlers: Mapping[type[Any], Callable[[Run, Any, float], None]] = {
            PhaseStarted: runs.phase,
            LoadStep: runs.load_step,
            StepDone: runs.step,
            TileDone: runs.tile,
            TilesBegun: runs.tiles_begun,
            PictureDone: runs.picture,
            PicturesSkipped: runs.skipped,
            Remark: runs.remark,
            JobFinished: self._on_finished,
        }

    def start(self, preload: ModelFiles | None) -> None:
        """Begins to serve. The first process of each place loads `preload` at once."""
        self._preload = preload
        self._thread.start()

    def take(self, worker: WorkerId, event: PoolEvent) -> None:
        """Takes a worker's word, in order with all others."""
        self._inbox.put(_Said(worker, event, time.monotonic()))

    def changed(self, job_id: str) -> None:
        """Tells all browsers about a job that was submitted or cancelled; starts what can be."""
        self._inbox.put(_Changed(job_id))

    def pause(self) -> None:
        """Starts nothing any more and stops what runs; it goes back into the queue."""
        self._stopping.set()
        for run in self._runs.all():
            self._pool.send(run.worker, CancelJob(run.job.id))

    def stop(self) -> None:
        """Ends the thread when all that was said until now is done."""
        self._inbox.put(_Signal.STOP)
        if self._thread.is_alive():
            self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                item = self._inbox.get(timeout=RETRY_SECONDS)
            except queue.Empty:
                item = _Signal.LOOK
            if item is _Signal.STOP:
                return
            try:
                self._do(item)
                # More events first: a free worker can wait for the pictures that it just made.
                if self._inbox.empty() and not self._stopping.is_set():
                    self._runs.write_ends()
                    self._start_jobs()
            except StorageError as error:
                _log.error("storage: %s", error)
            except _FAULTS:
                _log.exception("the dispatcher goes on after a fault")

    def _do(self, item: _Said | _Changed | _Signal) -> None:
        if isinstance(item, _Changed):
            self._announcer.job_changed(item.job_id)
        elif isinstance(item, _Said):
            if isinstance(item.event, JobEvent):
                self._on_job_event(item, item.event)
            else:
                self._worker_handlers[type(item.event)](item.worker, item.event)
                self._announcer.worker(self.crew.view())

    def _on_job_event(self, said: _Said, event: JobEvent) -> None:
        run = self._runs.of(event.job_id, said.worker)
        if run is None:  # its last words crossed with our cancelling it
            self._release(said.worker, event)
            return
        try:
            self._job_handlers[type(event)](run, event, said.at)
        except _FAULTS as error:
            _log.exception("%s of job %s", type(event).__name__, event.job_id)
            self._pool.send(said.worker, CancelJob(event.job_id))
            reason = f"{type(error).__name__}: {error}"
            self._runs.end(
                event.job_id, End("failed", Message("error.internal", {"reason": reason}))
            )
        self._release(said.worker, event)

    def _release(self, worker: WorkerId, event: JobEvent) -> None:
        if isinstance(event, JobFinished) and self.crew.job_of(worker) == event.job_id:
            self.crew.update(worker, state="ready", job_id=None)
            self._announcer.worker(self.crew.view())

    def _on_finished(self, run: Run, event: JobFinished, at: float) -> None:
        self._runs.finished(run, event, stopping=self._stopping.is_set())

    def _on_starting(self, worker: WorkerId, event: WorkerStarting) -> None:
        self.crew.put(Member(worker, state="starting" if worker.launch == 1 else "restarting"))

    def _on_ready(self, worker: WorkerId, event: WorkerReady) -> None:
        self.crew.update(
            worker, state="ready", device=event.device, memory=event.memory_total or None
        )
        # Only the first process of its place: a model that kills its worker is not loaded again.
        if self._preload and worker.launch == 1:
            self._pool.send(worker, Preload(self._preload))

    def _on_loaded(self, worker: WorkerId, event: ModelLoaded) -> None:
        self.crew.update(worker, checkpoint=event.checkpoint)

    def _on_died(self, worker: WorkerId, event: WorkerDied) -> None:
        job_id = self.crew.job_of(worker)
        self.crew.put(
            Member(
                worker,
                state="failed" if event.message else "restarting",
                message=event.message,
            )
        )
        run = self._runs.of(job_id, worker) if job_id else None
        if run:
            self._runs.lost(run, event.exit_code, stopping=self._stopping.is_set())

    def _start_jobs(self) -> None:
        for worker in self.crew.idle():
            while self.crew.job_of(worker) is None:
                job = self._jobs.claim()
                if job is None:
                    return
                if not self._start(worker, job):
                    break

    def _start(self, worker: WorkerId, job: Job) -> bool:
        """Gives a claimed job to a worker. False when this is not the time to start any."""
        try:
            command = self._runs.prepare(job, worker)
        except StorageError as error:
            _log.error("job %s waits for the disk: %s", job.id, error)
            self._runs.end(job.id, End("queued"))
            return False
        if command is None:
            return True
        if not self._pool.send(worker, command):
            self.crew.update(worker, state="restarting")
            self._runs.end(job.id, End("queued"))
            return False
        self.crew.update(worker, state="busy", job_id=job.id)
        # Asked between the claim and now, the wish found no worker to be sent to.
        current = self._jobs.get(job.id)
        if current and current.cancel_requested:
            self._pool.send(worker, CancelJob(job.id))
        self._announcer.job_changed(job.id)
        self._announcer.worker(self.crew.view())
        return True
