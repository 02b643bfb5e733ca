"""How far a running job is and how long it will take, from what its worker says.

Work is counted in steps of the first pass: a step of the second takes as many as its picture is
larger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from webui.core.events import Phase

SMOOTHING = 0.2
"""Weight of the newest measurement: about the last ten steps count."""


@dataclass(frozen=True)
class Progress:
    """A moment of a running job. `progress` is 0..1 over all its pictures, `indices` the batch.

    `loaded`: share of the checkpoint that is read, None where none is being read.
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
        self._best = 0.0
        self.now = Progress(total, steps=steps + second_steps)
        self._update()

    def phase(self, phase: Phase, index: int, at: float) -> None:
        """The batch that begins with picture `index` entered a phase."""
        if phase in ("denoise", "hires"):
            self._last, self._fresh = at, True
        if index not in self.now.indices:
            self.now = replace(self.now, indices=(), step=0)
        self.now = replace(self.now, phase=phase, loaded=None)
        self._update()

    def load_step(self, done: int, total: int) -> None:
        """`done` of `total` bytes of a checkpoint are read."""
        self.now = replace(self.now, loaded=min(done / max(total, 1), 1.0))

    def step(self, indices: tuple[int, ...], step: int, steps: int, at: float) -> None:
        """Step `step` of `steps` of the batch `indices` is done."""
        before = self._work(self.now.step, self.now.steps)
        work = (self._work(step, steps) - before) * max(len(indices), 1)
        # The first step of a pass is no measure: it warms up.
        if self._last is not None and not self._fresh and indices == self.now.indices and work > 0:
            self._step_seconds = _smooth(self._step_seconds, (at - self._last) / work)
        self._last, self._fresh = at, False
        if step == steps:
            self._denoised_at = at
        phase: Phase = "hires" if self.now.phase == "hires" else "denoise"
        self.now = replace(self.now, phase=phase, indices=indices, step=step, steps=steps)
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
        share = self._work(now.step, now.steps) / max(self._whole, 1.0)
        batch = open_in_batch * share
        done = min((settled + batch) / now.total, 1.0) if now.total else 1.0
        self._best = max(self._best, done)
        self.now = replace(now, settled=settled, progress=self._best, eta_seconds=self._eta(batch))

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
        if self._step_seconds is None:
            return None
        missing = self.now.total - len(self.settled)
        work = max(missing - batch, 0.0) * self._whole
        return work * self._step_seconds + missing * (self._finish_seconds or 0.0)


def _smooth(old: float | None, new: float) -> float:
    return new if old is None else old + SMOOTHING * (new - old)
