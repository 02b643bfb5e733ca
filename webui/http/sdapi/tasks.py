"""The names by which clients ask how their own request is doing."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from webui.services.compat.rows import Kind

REMEMBERED = 2000
NAME_CHARACTERS = 200
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def new_task(kind: Kind) -> str:
    """A name for a request that brought none, in the form that clients know."""
    return f"task({kind}-{''.join(secrets.choice(_LETTERS) for _ in range(7))})"


@dataclass(frozen=True)
class Task:
    """A request by its name, with the ids of its jobs in the order of their pictures."""

    name: str
    jobs: tuple[str, ...]


class Tasks:
    """Jobs by owner and task, the latest ones. Thread-safe."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[tuple[str, str], Task] = OrderedDict()
        self._of_jobs: dict[tuple[str, str], Task] = {}
        self._lock = threading.Lock()

    def note(self, owner: str, name: str, jobs: Sequence[str]) -> None:
        """Remembers which jobs a task is. A name that is used again means the newer one."""
        task = Task(name[:NAME_CHARACTERS], tuple(jobs))
        with self._lock:
            self._forget(owner, self._tasks.pop((owner, task.name), None))
            self._tasks[owner, task.name] = task
            self._of_jobs.update({(owner, job_id): task for job_id in task.jobs})
            while len(self._tasks) > REMEMBERED:
                (who, _), oldest = self._tasks.popitem(last=False)
                self._forget(who, oldest)

    def named(self, owner: str, name: str) -> Task:
        """The owner's task of this name; a job's own id names it as well."""
        with self._lock:
            return self._tasks.get((owner, name[:NAME_CHARACTERS])) or Task(name, (name,))

    def of(self, owner: str, job_id: str) -> Task:
        """The task that a job belongs to; one of its own id where there is none."""
        with self._lock:
            return self._of_jobs.get((owner, job_id)) or Task(job_id, (job_id,))

    def _forget(self, owner: str, task: Task | None) -> None:
        for job_id in task.jobs if task else ():
            self._of_jobs.pop((owner, job_id), None)
