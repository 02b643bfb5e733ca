from __future__ import annotations

import pickle
from pathlib import PurePosixPath

import pytest

from webui.core.errors import Message
from webui.core.events import JobFinished, PictureDone, WorkerReady
from webui.services.workers.wire import read_event


@pytest.mark.parametrize(
    "event",
    [
        WorkerReady("CPU", "float32", 10**10, "2.13.0"),
        PictureDone("job", 0, 42, 8, 8, b"\0" * 192),
        JobFinished("job", "failed", Message("error.job_failed", {"reason": "x"})),
    ],
)
def test_events_arrive_as_they_were_sent(event):
    assert read_event(pickle.dumps(event)) == event


def test_an_event_with_a_foreign_object_is_refused():
    sent = WorkerReady("CPU", "float32", 1, PurePosixPath("2.13.0"))
    with pytest.raises(pickle.UnpicklingError, match="PurePosixPath"):
        read_event(pickle.dumps(sent))
