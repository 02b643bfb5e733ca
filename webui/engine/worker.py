"""The worker process: takes jobs from a pipe, draws them, and tells what happens."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from multiprocessing.connection import Connection
from typing import Literal

import torch

from webui.core.catalogue import BUILTIN, Catalogue
from webui.core.errors import Cancelled, InkstoneError
from webui.core.events import (
    JobFinished,
    ModelFiles,
    ModelLoaded,
    Preload,
    RunJob,
    Stop,
    Unload,
    Upscale,
    WorkerEvent,
    WorkerReady,
)
from webui.core.memory_levels import MemoryLevel
from webui.engine.device import Device, choose_device
from webui.engine.faults import message_of
from webui.engine.inbox import Inbox
from webui.engine.models import Models, load_all
from webui.engine.pipeline import Picture, generate
from webui.engine.progress import JobWatcher
from webui.engine.single_file.reading import Progress
from webui.engine.upscaling.finished import enlarge_finished, enlarged_alpha, opened

NICENESS = 5
"""How far a worker that draws on the CPU steps back behind the server and the browser."""

Outcome = Literal["done", "cancelled", "failed"]

log = logging.getLogger(__name__)


def run_worker(
    connection: Connection, catalogue: Catalogue = BUILTIN, level: MemoryLevel = "auto"
) -> None:
    """Serves commands from the connection until `Stop`, or until its other end is closed.

    `level`: how sparing it is with the device's memory.
    """
    with contextlib.suppress(ValueError):  # not in the main thread: then nobody sends signals
        # Ctrl+C reaches the whole group; the server decides when its workers stop.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    inbox = Inbox(connection)
    inbox.start()
    device = choose_device()
    if device.is_cpu and hasattr(os, "nice"):
        os.nice(NICENESS)
    worker = Worker(device, inbox, connection, catalogue, level)
    try:
        worker.serve()
    except ConnectionError:
        log.info("the server is gone; the worker ends")


class Worker:
    """One device and the models in its memory."""

    def __init__(
        self,
        device: Device,
        inbox: Inbox,
        connection: Connection,
        catalogue: Catalogue,
        level: MemoryLevel = "auto",
    ) -> None:
        self.device = device
        self.inbox = inbox
        self.connection = connection
        self.catalogue = catalogue
        self.models = Models(device, level)
        self.announced: ModelFiles | None = None

    def send(self, event: WorkerEvent) -> None:
        """Tells the server; raises OSError if it is gone."""
        self.connection.send(event)

    def serve(self) -> None:
        """Does what the inbox says until it says stop."""
        device = self.device
        dtype = str(device.dtype).removeprefix("torch.")
        self.send(WorkerReady(device.name, dtype, device.memory_total, str(torch.__version__)))
        while True:
            command = self.inbox.commands.get()
            if isinstance(command, Stop):
                return
            if isinstance(command, Preload):
                self._preload(command.files)
            elif isinstance(command, Unload):
                self.models.keep_only([])
                self.announced = None
            else:
                self._run(command)

    def _preload(self, files: ModelFiles) -> None:
        try:
            self._load(files)
        except ConnectionError:
            raise
        except InkstoneError as error:
            # The first job with this model will say it to a person.
            log.warning("could not load %s: %s", files.path, error)
        except Exception:
            log.exception("could not load %s", files.path)

    def _load(self, files: ModelFiles, progress: Progress | None = None) -> None:
        """Loads a job's own model, and says so when it is not the last job's."""
        started = time.monotonic()
        self.models.load(files, [files], progress)
        if self.announced != files:
            self.announced = files
            self.send(ModelLoaded(files.checkpoint, time.monotonic() - started))

    def _run(self, job: RunJob | Upscale) -> None:
        error = None
        outcome: Outcome = "done"
        try:
            if isinstance(job, Upscale):
                self._enlarge(job)
            else:
                self._draw(job)
        except Cancelled:
            outcome = "cancelled"
        except ConnectionError:  # the pipe is closed, so there is nobody to tell
            raise
        except Exception as fault:
            log.exception("job %s failed", job.job_id)
            outcome, error = "failed", message_of(fault)
        self.inbox.finish(job.job_id)
        if error is not None and error.key == "error.out_of_memory":
            self.models.keep_only([job.files] if isinstance(job, RunJob) else [])
        self.send(JobFinished(job.job_id, outcome, error))

    def _draw(self, job: RunJob) -> None:
        watcher = JobWatcher(job.job_id, self.inbox, self.send)
        watcher.on_phase("load", job.indices[0] if job.indices else 0)
        self._load(job.files, watcher.on_load)
        model, others = load_all(self.models, job.request, job.files, job.others, watcher.on_load)
        watcher.preview = lambda: model.preview(job.files.preview)
        self.models.embeddings.look(job.embeddings)
        generate(
            model.bundle,
            job.request,
            job.indices,
            watcher,
            encoder=model.encoder,
            others={name: (other.bundle, other.encoder) for name, other in others.items()},
            images=job.images,
            upscalers=self.models.upscalers.ways(job.upscalers, watcher.on_tile),
            catalogue=self.catalogue,
        )

    def _enlarge(self, job: Upscale) -> None:
        watcher = JobWatcher(job.job_id, self.inbox, self.send)
        watcher.on_phase("upscale", 0)
        picture, alpha = opened(job.picture)
        files = self.models.upscalers.ways(job.upscalers, watcher.on_tile)
        larger = enlarge_finished(picture, job.wish, files, self.catalogue)
        seen = enlarged_alpha(alpha, job.wish) if alpha else None
        watcher.on_picture(Picture(0, job.seed, larger, alpha=seen))
