"""What a person is told about an exception that ended a job."""

from __future__ import annotations

import pytest
import torch

from webui.core.errors import Message, OutOfMemory
from webui.engine.faults import message_of


def test_the_text_of_an_unforeseen_error_is_passed_on() -> None:
    message = message_of(ZeroDivisionError("a mistake"))
    assert message == Message("error.job_failed", {"reason": "ZeroDivisionError: a mistake"})


def test_memory_errors_are_known_by_sight() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    for fault in (caught.value, MemoryError(), OutOfMemory("error.out_of_memory")):
        assert message_of(fault).key == "error.out_of_memory"
    assert message_of(RuntimeError("other")).key == "error.job_failed"
