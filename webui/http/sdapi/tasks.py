"""The names by which clients ask how their own request is doing."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

from webui.services.compat.rows import Kind

REMEMBERED = 2000
NAME_CHARACTERS = 200
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def new_task(kind: Kind) -> str:
    """A name for a request that brought none, in the form that clients know."""
    return f"task({kind}-{''.join(secrets.choice(_LETTERS) for _ in range(7))})"


class Tasks:
    """Job by owner and task, the latest ones. Thread-safe."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, owner: str, task: str, job_id: str) -> None:
        """Remembers which job a task is. A name that is used again means the newer one."""
        with self._lock:
            key = (owner, task[:NAME_CHARACTERS])
            self._jobs.pop(key, None)
            self._jobs[key] = job_id
            while len(self._jobs) > REMEMBERED:
                self._jobs.popitem(last=False)

    def job(self, owner: str, task: str) -> str | None:
        """The job of this owner's task."""
        with self._lock:
            return self._jobs.get((owner, task[:NAME_CHARACTERS]))

    def name(self, owner: str, job_id: str) -> str:
        """The task's name; the job's own id where there is none, which is as good."""
        with self._lock:
            names = [
                task for (who, task), job in self._jobs.items() if (who, job) == (owner, job_id)
            ]
        return names[-1] if names else job_id
