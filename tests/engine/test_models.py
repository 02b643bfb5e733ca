"""Several models in a worker's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from webui.core.errors import ModelFileError
from webui.core.events import ModelFiles
from webui.core.request import GenerationRequest
from webui.engine.device import cpu_device
from webui.engine.models import KEPT, Models, load_all


@pytest.fixture
def files(tiny_folder: Path) -> list[ModelFiles]:
    """The same model under more names than are kept."""
    return [ModelFiles(name, str(tiny_folder)) for name in "abcd"]


def test_the_models_used_last_stay(files: list[ModelFiles]) -> None:
    models = Models(cpu_device())
    first = models.load(files[0])
    for other in files[1:KEPT]:
        models.load(other)
    assert models.load(files[0]) is first
    models.load(files[3])
    assert [one in models for one in files] == [True, False, True, True]
    models.keep_only([files[3]])
    assert [one in models for one in files] == [False, False, False, True]


def test_a_damaged_model_is_named_by_its_field_and_displaces_none(
    files: list[ModelFiles], tmp_path: Path
) -> None:
    models = Models(cpu_device())
    own, gone = files[0], ModelFiles("gone", str(tmp_path))
    request = GenerationRequest(checkpoint="a", refiner_checkpoint="gone")
    with pytest.raises(ModelFileError) as caught:
        load_all(models, request, own, {"gone": gone})
    message = caught.value.message
    assert (message.key, message.field) == ("error.model_missing", "refiner_checkpoint")
    assert str(tmp_path) in message.values["file"]
    assert own in models
    assert gone not in models
