"""A device's memory: which parts of the models are in it, and what is tried when it runs out."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from typing import TypeVar
from weakref import WeakSet

import torch
from torch import nn

from webui.core.errors import OutOfMemory
from webui.core.memory_levels import MemoryLevel, budget_of
from webui.engine.device import Device, release_memory
from webui.engine.faults import is_out_of_memory

T = TypeVar("T")

HOME = torch.device("cpu")
"""Where parts wait that are not at work."""


class Memory:
    """The memory of one device, shared by all models on it. For one thread.

    `offload`: parts of models (text encoders, UNet, VAE) come to the device when they are to
    work, and the one that worked before leaves. This changes no number. `budget` says which
    precautions are taken.
    """

    def __init__(self, device: Device, level: MemoryLevel = "high") -> None:
        self.device = device
        self.budget = budget_of(level, device.memory_total)
        self.offload = False
        self._parts: WeakSet[nn.Module] = WeakSet()

    @property
    def can_offload(self) -> bool:
        """Whether there is a place beside the device's own memory."""
        return self.device.torch_device.type != HOME.type

    def begin(self, weights: int) -> None:
        """A job begins, whose models have so many bytes."""
        self.offload = self.can_offload and not self.budget.keeps(weights)

    def adopt(self, parts: Iterable[nn.Module]) -> None:
        """Takes note of the parts of a model that was loaded."""
        self._parts.update(parts)

    def bring(self, part: nn.Module) -> None:
        """Sees to it that a part is on the device, and nothing beside it if parts take turns.

        A part that finds no room is whole again, away from the device, when the error is raised.
        """
        if self.offload:
            self.clear(part)
        if not self.holds(part):
            try:
                self._move(part, self.device.torch_device)
            except (RuntimeError, MemoryError):
                self._move(part, HOME)
                raise

    def clear(self, keep: nn.Module | None = None) -> None:
        """Moves all parts but one off the device."""
        for part in self._parts:
            if part is not keep and self.holds(part):
                self._move(part, HOME)

    def holds(self, part: nn.Module) -> bool:
        """Whether a part is on the device."""
        # Parts move as a whole or not at all, so one of their tensors tells.
        return next(part.parameters()).device.type == self.device.torch_device.type

    def widen(self, part: nn.Module) -> None:
        """Turns a part's numbers into float32, for good. On the way it is off the device."""
        self._move(part, HOME)
        with torch.inference_mode(False):
            part.to(torch.float32)
        self.bring(part)

    def release(self) -> None:
        """Gives back what is held without need."""
        gc.collect()
        release_memory(self.device)

    def take_turns(self) -> None:
        """From now on, until the next job, one part alone is on the device."""
        self.offload = self.can_offload
        if self.offload:
            self.clear()
        self.release()

    def persist(self, work: Callable[[], T]) -> T:
        """Does work anew when memory runs out: with freed caches, then part by part.

        Raises:
            OutOfMemory: nothing of it was enough.
        """
        rungs: list[Callable[[], None]] = [self.release]
        if self.can_offload and not self.offload:
            rungs.append(self.take_turns)
        return first_that_fits([work, *(_after(rung, work) for rung in rungs)])

    def _move(self, part: nn.Module, place: torch.device) -> None:
        # Weights that were moved in inference mode could not be changed outside of it.
        with torch.inference_mode(False):
            part.to(place)


def first_that_fits(attempts: Iterable[Callable[[], T]]) -> T:
    """The result of the first attempt that does not run out of memory.

    Raises:
        OutOfMemory: none did.
    """
    for attempt in attempts:
        try:
            return attempt()
        except (RuntimeError, MemoryError) as fault:
            if not is_out_of_memory(fault):
                raise
        except OutOfMemory:
            continue
        # Only here, after the handler, are the tensors free that the fault's frames held.
    raise OutOfMemory("error.out_of_memory")


def _after(rung: Callable[[], None], work: Callable[[], T]) -> Callable[[], T]:
    def attempt() -> T:
        rung()
        return work()

    return attempt
