"""Several models in a worker's memory."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from webui.core.errors import Cancelled, ModelFileError
from webui.core.events import ModelFiles
from webui.core.request import GenerationRequest
from webui.engine.device import cpu_device
from webui.engine.models import KEPT, Models, load_all, size_in_memory


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


def test_giving_up_a_load_leaves_what_was_there(
    files: list[ModelFiles], tiny_v_folder: Path
) -> None:
    models = Models(cpu_device())
    first = models.load(files[0])
    other = ModelFiles("other", str(tiny_v_folder))
    told: list[tuple[int, int]] = []

    def cancel(done: int, total: int) -> None:
        told.append((done, total))
        raise Cancelled

    with pytest.raises(Cancelled):
        models.load(other, [files[0]], cancel)
    assert 0 < told[0][0] < told[0][1]
    assert other not in models
    assert models.load(files[0]) is first
    assert models.load(other).bundle.prediction_type == "v_prediction"


def test_switching_models_takes_no_more_memory_each_time(
    tiny_folder: Path, tiny_v_folder: Path
) -> None:
    folders = (tiny_folder, tiny_v_folder)
    files = [ModelFiles(folder.name, str(folder)) for folder in folders]
    models, process = Models(cpu_device()), psutil.Process()
    taken = []
    for switch in range(50):
        models.keep_only([])
        models.load(files[switch % 2])
        taken.append(process.memory_info().rss)
    # A model that stayed each time would come to forty of them.
    assert taken[-1] - taken[9] < 10 * size_in_memory(files[0], cpu_device())


def test_a_model_makes_room_for_one_that_would_not_fit_beside_it(
    files: list[ModelFiles], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = Models(cpu_device())
    models.load(files[0])
    size = size_in_memory(files[1], cpu_device())
    assert size > 2**20
    monkeypatch.setattr(
        psutil, "virtual_memory", lambda: SimpleNamespace(available=size - 1, total=size)
    )
    models.load(files[1], [files[0], files[1]])
    assert files[0] in models  # the job needs both
    models.load(files[2], [files[2]])
    assert [one in models for one in files[:3]] == [False, False, True]
