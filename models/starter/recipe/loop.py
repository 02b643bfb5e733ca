"""One training loop for every stage: budget, learning rate, averaged weights, checkpoints.

A stage is resumed from its checkpoint exactly: weights, averages, optimizer and the state of
every random source are in it.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from recipe.muon import Muon
from recipe.profiles import Plan

CHECKPOINT_SECONDS = 120.0
REPORT_STEPS = 20
CLIP = 1.0


class Task(Protocol):
    """A stage: the modules it trains, and the loss of a batch."""

    name: str
    modules: nn.ModuleDict

    def loss(self, batch: int, dice: Dice, progress: float) -> Tensor:
        """A scalar. `progress` runs from 0 to 1 over the whole stage."""
        ...


class Dice:
    """All randomness of a stage: one source on the CPU, one on the device."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self.cpu = torch.Generator().manual_seed(seed)
        self.device = torch.Generator(device).manual_seed(seed + 1)

    def seed(self) -> int:
        """A seed for another random source."""
        return int(torch.randint(2**31 - 1, (), generator=self.cpu))

    def state(self) -> dict[str, Tensor]:
        """What `restore` takes."""
        return {"cpu": self.cpu.get_state(), "device": self.device.get_state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Goes on where `state` was taken."""
        self.cpu.set_state(state["cpu"].cpu())
        self.device.set_state(state["device"].cpu())


class Deadline:
    """How long one call of the program may work; None means to the end."""

    def __init__(self, minutes: float | None) -> None:
        self._end = math.inf if minutes is None else time.monotonic() + 60 * minutes

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self._end - time.monotonic()


def fast_in_bfloat16(device: torch.device) -> bool:
    """Whether multiplying in bfloat16 pays: on a GPU, and on a CPU with tiles for it (AMX)."""
    if device.type == "cpu":
        return bool(torch.cpu.get_capabilities().get("amx_bf16", False))
    return device.type == "cuda"


def rate(plan: Plan, step: int, progress: float) -> float:
    """The learning rate at a step."""
    warm = min(1.0, (step + 1) / max(plan.warmup, 1))
    if progress <= plan.decay_from:
        return plan.peak * warm
    share = min((progress - plan.decay_from) / (1 - plan.decay_from), 1.0)
    cosine = 0.5 * (1 + math.cos(math.pi * share))
    return plan.peak * warm * (plan.floor + (1 - plan.floor) * cosine)


@dataclass
class Record:
    """How far a stage is. `losses`: (step, seconds, mean loss since the last entry)."""

    step: int = 0
    seconds: float = 0.0
    losses: list[tuple[int, float, float]] = field(default_factory=list)


class Trainer:
    """Trains one task in one process."""

    def __init__(
        self, task: Task, plan: Plan, device: torch.device, *, seed: int = 0, averaged: bool = True
    ) -> None:
        """`averaged` False keeps no averaged weights, for helpers that share another's modules."""
        self.task, self.plan, self.device = task, plan, device
        self.record = Record()
        self.dice = Dice(seed, device)
        self._weights = [p for p in task.modules.parameters() if p.requires_grad]
        self.optimizer = (Muon if plan.muon else torch.optim.AdamW)(
            self._weights,
            lr=plan.peak,
            betas=(0.9, 0.99),
            weight_decay=plan.weight_decay,
            fused=True,
        )
        self._halved = fast_in_bfloat16(device)
        self.averages: nn.ModuleDict | None = None
        if averaged:
            self.averages = copy.deepcopy(task.modules).requires_grad_(False).eval()

    @property
    def progress(self) -> float:
        """The share of the stage that is done."""
        if self.plan.steps is not None:
            return min(self.record.step / self.plan.steps, 1.0)
        if self.plan.minutes is None:
            raise ValueError("a plan needs steps or minutes")
        return min(self.record.seconds / (60 * self.plan.minutes), 1.0)

    def step(self, progress: float) -> Tensor:
        """One update; returns the loss, which stays on the device."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.plan, self.record.step, progress)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._halved):
            loss = self.task.loss(self.plan.batch, self.dice, progress)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._weights, CLIP)
        self.optimizer.step()
        self.record.step += 1
        self._average()
        return loss.detach()

    @torch.no_grad()
    def _average(self) -> None:
        """Exponential moving average, quicker at first so that the start is forgotten."""
        if self.averages is None:
            return
        decay = min(self.plan.ema, (1 + self.record.step) / (10 + self.record.step))
        kept: list[Tensor] = list(self.averages.parameters())
        torch._foreach_lerp_(kept, list(self.task.modules.parameters()), 1 - decay)

    def save(self, path: Path) -> None:
        """Writes the checkpoint aside and renames it, so that a kill leaves the last one."""
        state = {
            "record": [self.record.step, self.record.seconds, self.record.losses],
            "weights": self.task.modules.state_dict(),
            "averages": None if self.averages is None else self.averages.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "dice": self.dice.state(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".part")
        torch.save(state, aside)
        aside.replace(path)

    def load(self, path: Path) -> None:
        """Goes on from a checkpoint.

        Raises:
            RuntimeError: if it was written with another profile.
        """
        state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        step, seconds, losses = state["record"]
        self.record = Record(step, seconds, [tuple(entry) for entry in losses])
        self.task.modules.load_state_dict(state["weights"])
        if self.averages is not None and state["averages"] is not None:
            self.averages.load_state_dict(state["averages"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.dice.restore(state["dice"])

    def run(
        self,
        path: Path,
        deadline: Deadline,
        *,
        on_report: Callable[[Trainer, float], None] = lambda *_: None,
        on_checkpoint: Callable[[Trainer], None] = lambda _: None,
    ) -> bool:
        """Trains until the stage or the time is over; returns whether the stage is.

        `on_report` gets the mean loss every few steps. The device is asked for a number only
        then, so that it is never waited for in between.
        """
        started = time.monotonic() - self.record.seconds
        saved = time.monotonic()
        pending: list[Tensor] = []
        while self.progress < 1 and deadline.left > 0:
            pending.append(self.step(self.progress))
            if len(pending) >= REPORT_STEPS or self.progress >= 1:
                mean = float(torch.stack(pending).mean())
                pending.clear()
                if not math.isfinite(mean):
                    raise FloatingPointError(f"{self.task.name}: loss {mean}: lower the peak rate")
                self.record.seconds = time.monotonic() - started
                self.record.losses.append((self.record.step, self.record.seconds, mean))
                on_report(self, mean)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self.save(path)
                on_checkpoint(self)
                saved = time.monotonic()
        self.record.seconds = time.monotonic() - started
        self.save(path)
        return self.progress >= 1
