"""Narrow checkpoints of every family, written once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from torch import nn

from tests.tiny_checkpoints import write_checkpoint


class Written(NamedTuple):
    """A checkpoint and the parts that went into it, by prefix."""

    path: Path
    parts: dict[str, nn.Module]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Written]:
    """Writes the checkpoint of a family when it is first asked for. Tests must not change it."""
    folder = tmp_path_factory.mktemp("checkpoints")
    done: dict[str, Written] = {}

    def write(family: str) -> Written:
        if family not in done:
            path = folder / f"{family}.safetensors"
            done[family] = Written(path, write_checkpoint(path, family))
        return done[family]

    return write
