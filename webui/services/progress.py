"""How far a running job is and how long it will take, from what its worker says.

Work is counted in steps of the first pass: a step of the second takes as many as its picture is
larger. A picture that is drawn in tiles is as much work as any: each tile is a share of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from webui.core.events import Phase
from webui.core.passes import pass_steps, second_pass_cost
from webui.core.request import GenerationRequest

SMOOTHING = 0.2
"""Weight of the newest measurement: about the last ten steps count."""


@dataclass(frozen=True)
class Progress:
    """A moment of a running job. `progress` is 0..1 over all its pictures, `indices` the batch.

    `loaded`: share of the checkpoint that is read, or of the picture that a model has enlarged,
    None where neither is being done. Where a job only enlarges, its tiles are its steps. `tiles`:
    the first and the last of those that are drawn now, counted from 1, and how many there are; None
    where pictures are drawn whole.
    """

    total: int
    settled: int = 0
    phase: Phase = "load"
    indices: tuple[int, ...] = ()
    step: int = 0
    steps: int = 0
    progress: float = 0.0
    eta_seconds: float | None = None
    loaded: float | None = None
    tiles: tuple[int, int, int] | None = None


class ProgressMeter:
    """Follows one job. Times are of a monotonic clock, in seconds. For one thread.

    `now` is always a whole new value, so that other threads may read it.
    """

    def __init__(
        self,
        total: int,
        settled: Iterable[int],
        steps: int,
        second_steps: int = 0,
        second_cost: float = 1.0,
    ) -> None:
        """`settled`: pictures that are saved, skipped or given up already.

        `steps`, `second_steps`: of the two passes. `second_cost`: how many steps of the first
        take as long as one of the second.
        """
        self.settled = set(settled)
        self._first, self._second = steps, second_steps
        self._second_cost = second_cost
        self._fresh = True
        self._last: float | None = None
        self._denoised_at: float | None = None
        self._step_seconds: float | None = None
        self._finish_seconds: float | None = None
        self._tiles_begun: tuple[float, float] | None = None
        self._tile_seconds: float | None = None
        self._best = 0.0
        self.now = Progress(total, steps=steps + second_steps)
        self._update()

    def phase(self, phase: Phase, index: int, at: float) -> None:
        """The batch that begins with picture `index` entered a phase."""
        if phase in ("denoise", "hires"):
            self._last, self._fresh = at, True
        if index not in self.now.indices:
            self.now = replace(self.now, indices=(), step=0, tiles=None)
            self._tiles_begun = None
        self.now = replace(self.now, phase=phase, loaded=None)
        self._update()

    def load_step(self, done: int, total: int) -> None:
        """`done` of `total` bytes of a checkpoint are read."""
        self.now = replace(self.now, loaded=min(done / max(total, 1), 1.0))

    def tiles(self, done: int, total: int, at: float) -> None:
        """A model that enlarges is through with `done` of `total` tiles of a picture."""
        share = min(done / max(total, 1), 1.0)
        self.now = replace(self.now, phase="upscale", loaded=share)
        if self._first:
            return
        # Nothing is drawn in steps: the tiles are all that there is to do.
        self.now = replace(self.now, step=done, steps=total)
        before, self._last = self._last, at
        if before is not None and not self._fresh:
            self._step_seconds = _smooth(self._step_seconds, at - before)
        self._fresh = False
        left = None if self._step_seconds is None else self._step_seconds * (total - done)
        self._best = max(self._best, share)
        self.now = replace(self.now, progress=self._best, eta_seconds=left)

    def tiles_begun(self, index: int, tiles: tuple[int, int, int], at: float) -> None:
        """Tiles of picture `index` are drawn now; `tiles` as in `Progress`.

        From one time to the next all that a tile takes is measured, not its steps alone.
        """
        self._last, self._fresh = at, True
        self.now = replace(self.now, phase="denoise", indices=(index,), step=0, tiles=tiles)
        done = self._share * self._whole
        if self._tiles_begun is not None and done > self._tiles_begun[1]:
            then, before = self._tiles_begun
            self._tile_seconds = _smooth(self._tile_seconds, (at - then) / (done - before))
        self._tiles_begun = (at, done)
        self._update()

    def step(self, indices: tuple[int, ...], step: int, steps: int, at: float) -> None:
        """Step `step` of `steps` of the batch `indices` is done."""
        before, same = self._share, indices == self.now.indices
        phase: Phase = "hires" if self.now.phase == "hires" else "denoise"
        self.now = replace(self.now, phase=phase, indices=indices, step=step, steps=steps)
        work = (self._share - before) * self._whole * max(len(indices), 1)
        # The first step of a pass is no measure: it warms up.
        if self._last is not None and not self._fresh and same and work > 0:
            self._step_seconds = _smooth(self._step_seconds, (at - self._last) / work)
        self._last, self._fresh = at, False
        if step == steps:
            self._denoised_at = at
        self._update()

    def settle(self, indices: Iterable[int], at: float) -> None:
        """These pictures are saved, skipped or given up."""
        self.settled.update(indices)
        if self._denoised_at is not None:
            self._finish_seconds = _smooth(self._finish_seconds, at - self._denoised_at)
            self._denoised_at = at
        self._update()

    def _update(self) -> None:
        now = self.now
        settled = len(self.settled)
        open_in_batch = sum(index not in self.settled for index in now.indices)
        batch = open_in_batch * self._share
        done = min((settled + batch) / now.total, 1.0) if now.total else 1.0
        self._best = max(self._best, done)
        self.now = replace(now, settled=settled, progress=self._best, eta_seconds=self._eta(batch))

    @property
    def _share(self) -> float:
        """How much of each picture of the batch is behind us."""
        drawn = self._work(self.now.step, self.now.steps) / max(self._whole, 1.0)
        if self.now.tiles is None:
            return drawn
        first, last, total = self.now.tiles
        return (first - 1 + (last - first + 1) * drawn) / total

    @property
    def _whole(self) -> float:
        """The work of one picture."""
        return self._first + self._second * self._second_cost

    def _work(self, step: int, steps: int) -> float:
        """The work behind step `step` of `steps`: a worker may count more steps than planned."""
        if not steps:
            return 0.0
        done = step / steps * (self._first + self._second)
        return min(done, self._first) + max(done - self._first, 0.0) * self._second_cost

    def _eta(self, batch: float) -> float | None:
        seconds = self._tile_seconds or self._step_seconds
        if seconds is None:
            return None
        missing = self.now.total - len(self.settled)
        work = max(missing - batch, 0.0) * self._whole
        return work * seconds + missing * (self._finish_seconds or 0.0)


def meter_of(request: GenerationRequest, settled: Iterable[int]) -> ProgressMeter:
    """The meter of a job that draws; `settled` as for `ProgressMeter`."""
    steps, second = pass_steps(request)
    return ProgressMeter(request.pictures, settled, steps, second, second_pass_cost(request))


def _smooth(old: float | None, new: float) -> float:
    return new if old is None else old + SMOOTHING * (new - old)
