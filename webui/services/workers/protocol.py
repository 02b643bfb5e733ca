"""What the job service asks of a pool of workers, wherever they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from webui.core.errors import Message
from webui.core.events import WorkerCommand, WorkerEvent


class WorkerId(NamedTuple):
    """One process: its place in the pool, and the how-manieth process it is in that place.

    A command for a process that is gone must never reach its successor, hence the second figure.
    """

    slot: int
    launch: int


@dataclass(frozen=True)
class WorkerStarting:
    """A process is being started; `WorkerReady` or `WorkerDied` follows."""


@dataclass(frozen=True)
class WorkerDied:
    """The process is gone; nothing more comes from it.

    `restarting` is False when the pool closes, or gives this place up: then `message` says why.
    """

    exit_code: int | None
    restarting: bool
    message: Message | None = None


PoolEvent = WorkerEvent | WorkerStarting | WorkerDied


class PoolListener(Protocol):
    """Called from the pool's threads, for one worker always in the order of its events."""

    def __call__(self, worker: WorkerId, event: PoolEvent) -> None:
        """Takes one event; should return soon."""


class WorkerPool(Protocol):
    """A number of workers, each of which draws one job at a time."""

    @property
    def size(self) -> int:
        """How many workers there are to be."""

    def start(self, listener: PoolListener) -> None:
        """Starts all workers; returns at once."""

    def send(self, worker: WorkerId, command: WorkerCommand) -> bool:
        """Gives a command to that very process. False when it is gone: its death is reported."""

    def close(self) -> None:
        """Stops all workers and returns when they are gone."""
