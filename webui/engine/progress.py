"""A job's progress into events, and its chance to be stopped."""

from __future__ import annotations

import time
from collections.abc import Callable

from webui.core.errors import Cancelled, Message, Skipped
from webui.core.events import (
    JobEvent,
    LoadStep,
    Phase,
    PhaseStarted,
    PictureDone,
    PicturesSkipped,
    Remark,
    StepDone,
    TileDone,
    TilesBegun,
)
from webui.engine.inbox import Inbox
from webui.engine.preview import Preview
from webui.engine.samplers import StepEvent
from webui.engine.watching import Indices, Picture, Watcher

PREVIEW_INTERVAL = 0.4
"""Seconds between previews: often enough to watch, seldom enough to cost nothing."""


class JobWatcher(Watcher):
    """Sends a job's progress, and stops it when the inbox says so.

    `preview` gives what makes the model's previews; it is set once the model is loaded.
    """

    def __init__(self, job_id: str, inbox: Inbox, send: Callable[[JobEvent], None]) -> None:
        self.job_id = job_id
        self.preview: Callable[[], Preview] | None = None
        self._inbox = inbox
        self._send = send
        self._last_preview = time.monotonic()
        self._percent = 0

    def on_phase(self, phase: Phase, index: int) -> None:
        """Raises Cancelled if the job is to stop."""
        self._stop_if_cancelled()
        if phase == "denoise":
            # A wish to skip that came too late for the last batch is not meant for this one.
            self._inbox.take_skip(self.job_id)
        self._send(PhaseStarted(self.job_id, phase, index))

    def on_load(self, done: int, total: int) -> None:
        """Bytes read of a checkpoint. Raises Cancelled if the job is to stop."""
        self._stop_if_cancelled()
        percent = 100 * done // max(total, 1)
        if percent != self._percent:
            self._percent = percent
            self._send(LoadStep(self.job_id, done, total))

    def on_tile(self, done: int, total: int) -> None:
        """Tiles of a picture that a model enlarges. Raises Cancelled if the job is to stop."""
        self._stop_if_cancelled()
        self._send(TileDone(self.job_id, done, total))

    def on_tiles(self, index: int, tiles: Indices, count: int) -> None:
        """Raises Cancelled if the job is to stop."""
        self._stop_if_cancelled()
        self._send(TilesBegun(self.job_id, index, tiles[0] + 1, tiles[-1] + 1, count))

    def on_step(self, indices: Indices, event: StepEvent) -> None:
        """Raises Cancelled or Skipped if the job or its batch is to stop."""
        self._stop_if_cancelled()
        if self._inbox.take_skip(self.job_id):
            raise Skipped
        self._send(StepDone(self.job_id, indices, event.step, event.steps, self._jpeg(event)))

    def on_picture(self, picture: Picture) -> None:
        """Sends the pixels as bytes, row by row."""
        height, width, _ = picture.pixels.shape
        rgb = picture.pixels.tobytes()
        done = PictureDone(
            self.job_id,
            picture.index,
            picture.seed,
            width,
            height,
            rgb,
            picture.extra,
            picture.alpha,
        )
        self._send(done)

    def on_remark(self, message: Message) -> None:
        """Sends it to the person."""
        self._send(Remark(self.job_id, message))

    def on_skipped(self, indices: Indices) -> None:
        """Says which pictures will not come."""
        self._send(PicturesSkipped(self.job_id, indices))

    def _stop_if_cancelled(self) -> None:
        if self._inbox.cancelled(self.job_id):
            raise Cancelled

    def _jpeg(self, event: StepEvent) -> bytes | None:
        now = time.monotonic()
        if self.preview is None or now - self._last_preview < PREVIEW_INTERVAL:
            return None
        self._last_preview = now
        return self.preview().jpeg(event.denoised[0])
