"""`look`: what a file of given tensors is recognised as."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.model_writers import Shapes, write_model
from webui.core.model_files.header import read_header
from webui.core.model_files.recognise import recognise, recognise_file
from webui.core.model_files.recognition import Recognition

Metadata = dict[str, str]


@pytest.fixture
def look(tmp_path: Path):
    """Recognises a file of those tensors, by a glance and by its whole header alike."""

    def looked(
        shapes: Shapes, metadata: Metadata | None = None, dtype: str = "F16", name: str = "model"
    ) -> Recognition:
        path = write_model(tmp_path / f"{name}.safetensors", shapes, dtype, metadata)
        found = recognise_file(path)
        assert found == recognise(read_header(path))
        return found

    return looked
