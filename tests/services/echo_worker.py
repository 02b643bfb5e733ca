"""A real worker process without torch: it draws plain colours, so that crashes can be exact.

Prompts steer it: "crash@2" kills it at step 2 of a batch, "crash-once@2" only while the file
named by the environment's ECHO_MARK is missing, "slow" waits 50 ms a step, "wait" a long time,
"fail" fails the job, "die-at-the-end" kills it before it says that the job is finished,
"garbage" sends a picture of the wrong length.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from multiprocessing.connection import Client, Connection
from pathlib import Path
from queue import SimpleQueue

from webui.core.errors import Message
from webui.core.events import (
    CancelJob,
    JobFinished,
    ModelLoaded,
    PhaseStarted,
    PictureDone,
    PicturesSkipped,
    Preload,
    RunJob,
    SkipPictures,
    StepDone,
    WorkerReady,
)
from webui.core.seeds import batches, picture_seeds

CRASH = re.compile(r"crash(-once)?@(\d+)")


def colour(seed: int) -> bytes:
    """The three bytes of the plain picture with this seed."""
    return bytes((seed % 251, seed // 251 % 251, 77))


class Echo:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.jobs: SimpleQueue[RunJob | None] = SimpleQueue()
        self.cancelled: set[str] = set()
        self.skipped: set[str] = set()

    def read(self) -> None:
        while True:
            try:
                command = self.connection.recv()
            except (EOFError, OSError):
                os._exit(3)
            if isinstance(command, RunJob):
                self.jobs.put(command)
            elif isinstance(command, CancelJob):
                self.cancelled.add(command.job_id)
            elif isinstance(command, SkipPictures):
                self.skipped.add(command.job_id)
            elif isinstance(command, Preload):
                self.connection.send(ModelLoaded(command.files.checkpoint, 0.1))
            else:
                self.jobs.put(None)

    def run(self, job: RunJob) -> None:
        prompt = job.request.prompt
        self.connection.send(PhaseStarted(job.job_id, "load"))
        if prompt == "fail":
            error = Message("error.job_failed", {"reason": "asked for"})
            self.connection.send(JobFinished(job.job_id, "failed", error))
            return
        for batch in batches(job.indices, job.request.batch_size):
            self.connection.send(PhaseStarted(job.job_id, "denoise", batch[0]))
            if not self.denoise(job, batch, prompt):
                if job.job_id in self.cancelled:
                    self.connection.send(JobFinished(job.job_id, "cancelled"))
                    return
                self.skipped.discard(job.job_id)
                self.connection.send(PicturesSkipped(job.job_id, batch))
                continue
            self.connection.send(PhaseStarted(job.job_id, "decode", batch[0]))
            self.draw(job, batch, prompt)
        if prompt == "die-at-the-end":
            os._exit(1)
        self.connection.send(JobFinished(job.job_id, "done"))

    def denoise(self, job: RunJob, batch: tuple[int, ...], prompt: str) -> bool:
        for step in range(1, job.request.steps + 1):
            self.crash(prompt, step)
            time.sleep({"slow": 0.05, "wait": 0.2}.get(prompt, 0.0))
            if job.job_id in self.cancelled | self.skipped:
                return False
            preview = b"\xff\xd8preview" if step == 2 else None
            self.connection.send(StepDone(job.job_id, batch, step, job.request.steps, preview))
        return True

    def crash(self, prompt: str, step: int) -> None:
        wish = CRASH.search(prompt)
        if not wish or step != int(wish[2]):
            return
        if wish[1]:
            mark = Path(os.environ["ECHO_MARK"])
            if mark.exists():
                return
            mark.touch()
        os._exit(139)

    def draw(self, job: RunJob, batch: tuple[int, ...], prompt: str) -> None:
        width, height = job.request.width, job.request.height
        for index in batch:
            seed = picture_seeds(job.request)[index]
            pixels = width * height - (1 if prompt == "garbage" else 0)
            rgb = colour(seed) * pixels
            self.connection.send(PictureDone(job.job_id, index, seed, width, height, rgb))


def main() -> None:
    if os.environ.get("ECHO_REFUSES"):
        sys.stderr.write("no device of the wanted kind\n")
        sys.exit(1)
    greeting = json.loads(sys.stdin.readline())
    connection = Client(greeting["address"], authkey=bytes.fromhex(greeting["key"]))
    echo = Echo(connection)
    threading.Thread(target=echo.read, daemon=True).start()
    connection.send(WorkerReady("echo", "uint8", 0, "none"))
    while (job := echo.jobs.get()) is not None:
        echo.run(job)


if __name__ == "__main__":
    main()
