"""Reads what a worker sent. Only our own event classes are rebuilt, nothing else.

An event that carries a foreign object would import that object's package here: one
`torch.__version__`, which is a class of torch's own, brought the whole of torch into the server.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

from webui.core.events import WorkerEvent

EVENTS = "webui.core."


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if not module.startswith(EVENTS):
            raise pickle.UnpicklingError(f"a worker sent {module}.{name}")
        return super().find_class(module, name)


def read_event(data: bytes) -> WorkerEvent:
    """The event in `data`.

    Raises:
        pickle.UnpicklingError: it holds an object that is not one of `webui.core`.
    """
    event: WorkerEvent = _Reader(io.BytesIO(data)).load()
    return event
