"""What a person is told about an exception that ended a job."""

from __future__ import annotations

import torch

from webui.core.errors import InkstoneError, Message

OUT_OF_MEMORY_WORDS = ("can't allocate memory", "out of memory")
"""How backends without an exception class of their own (CPU, MPS) say it."""


def message_of(fault: Exception) -> Message:
    """The message of our own errors; for others one that quotes them."""
    if isinstance(fault, InkstoneError):
        return fault.message
    if is_out_of_memory(fault):
        return Message("error.out_of_memory")
    return Message("error.job_failed", {"reason": f"{type(fault).__name__}: {fault}"})


def is_out_of_memory(fault: Exception) -> bool:
    """Whether memory ran out, on whichever device."""
    if isinstance(fault, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(fault, RuntimeError) and any(
        words in str(fault) for words in OUT_OF_MEMORY_WORDS
    )
