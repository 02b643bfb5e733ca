"""What the job service knows about each worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from webui.core.errors import Message
from webui.services.workers.protocol import WorkerId

WorkerState = Literal["starting", "ready", "busy", "restarting", "failed"]

_LIVELIEST: tuple[WorkerState, ...] = ("busy", "ready", "starting", "restarting", "failed")


@dataclass(frozen=True)
class Member:
    """One worker. `memory` is its device's in bytes, `checkpoint` the model in it.

    `job_id`: what it draws.
    """

    worker: WorkerId
    state: WorkerState = "starting"
    device: str | None = None
    memory: int | None = None
    checkpoint: str | None = None
    job_id: str | None = None
    message: Message | None = None

    def view(self) -> dict[str, Any]:
        """The worker as JSON."""
        return {
            "slot": self.worker.slot,
            "state": self.state,
            "device": self.device,
            "checkpoint": self.checkpoint,
            "message": self.message.to_json() if self.message else None,
        }


class Crew:
    """All workers by their place. Changed by one thread; others may read."""

    def __init__(self) -> None:
        self._members: dict[int, Member] = {}

    def put(self, member: Member) -> None:
        """The newest word on a worker."""
        self._members[member.worker.slot] = member

    def update(self, worker: WorkerId, **changes: Any) -> None:
        """Changes what is known about a worker that was put before."""
        self.put(replace(self._members[worker.slot], **changes))

    def idle(self) -> list[WorkerId]:
        """Workers that wait for a job."""
        return [m.worker for m in self._listed() if m.state == "ready"]

    def workers(self) -> list[WorkerId]:
        """All of them, whatever they do."""
        return [m.worker for m in self._listed()]

    def job_of(self, worker: WorkerId) -> str | None:
        """What the worker draws."""
        member = self._members.get(worker.slot)
        return member.job_id if member and member.worker == worker else None

    def memory(self) -> int | None:
        """The largest device's memory in bytes; None while no worker has told."""
        return max((m.memory for m in self._listed() if m.memory), default=None)

    def view(self) -> Mapping[str, Any]:
        """The livelier of the workers for the one-line display, and all of them under "workers"."""
        members = self._listed()
        if not members:
            return {"state": "starting", "device": None, "message": None, "workers": []}
        first = min(members, key=lambda member: _LIVELIEST.index(member.state))
        summary = first.view()
        summary["workers"] = [member.view() for member in members]
        return summary

    def _listed(self) -> list[Member]:
        return [self._members[slot] for slot in sorted(self._members)]
