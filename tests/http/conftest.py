from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_server import RunningServer, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("server")
    with running(folder / "data") as started:
        yield started.ready()
