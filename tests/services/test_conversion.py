from __future__ import annotations

import os
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from webui.core.errors import Cancelled, ModelFileError
from webui.engine import unpickle
from webui.services.conversion import convert


class Evil:
    """Unpickled the ordinary way, it writes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = str(canary)

    def __reduce__(self):
        return os.system, (f'echo caught > "{self.canary}"',)


def test_a_pickle_becomes_the_same_weights_as_safetensors(tmp_path):
    shared = torch.arange(6.0)
    weights = {
        "half": torch.rand(4, 4).half(),
        "a": shared[:3],
        "b": shared[3:],
        "transposed": torch.rand(2, 3).T,
        "one": torch.tensor(7),
    }
    source = tmp_path / "model.v1.ckpt"
    torch.save({"state_dict": weights, "epoch": 3, "note": "text"}, source)
    target = convert(source)
    assert target == tmp_path / "model.v1.safetensors"
    found = load_file(target)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    assert source.exists()
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(ModelFileError, match="convert_exists"):
        convert(source)


def test_a_pickle_that_would_run_a_command_does_not(tmp_path):
    canary, source = tmp_path / "canary", tmp_path / "model.safetensors"
    torch.save({"state_dict": {"w": torch.ones(2)}, "extra": Evil(canary)}, source)
    with pytest.raises(ModelFileError, match="convert_refused"):
        convert(source)
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    # The canary would have been there:
    torch.load(source.open("rb"), weights_only=False)
    assert canary.exists()


def test_a_conversion_that_is_stopped_leaves_nothing(tmp_path):
    source, stop = tmp_path / "model.ckpt", Event()
    torch.save({"state_dict": {"w": torch.ones(2)}}, source)
    stop.set()
    with pytest.raises(Cancelled):
        convert(source, stop=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["model.ckpt"]


def test_older_forms_and_traces_of_trainers(tmp_path):
    canary, source, target = (tmp_path / name for name in ("canary", "x.pt", "x.safetensors"))
    torch.save(Evil(canary), source, _use_new_zipfile_serialization=False)
    with pytest.raises(ModelFileError, match="convert_refused"):
        unpickle.convert(source, target)
    assert not canary.exists()
    content = {"string_to_param": {"*": torch.ones(2, 8)}, "name": "x"}
    torch.save(content, source, _use_new_zipfile_serialization=False)
    assert unpickle.convert(source, target) == 1
    assert load_file(target)["emb_params"].shape == (2, 8)
    torch.save({"state_dict": {"w": torch.ones(2)}, "loss": np.float32(1)}, source)
    assert unpickle.convert(source, target) == 1
    source.write_bytes(b"\x80\x04 nonsense")
    with pytest.raises(ModelFileError, match=r"convert_refused|model_corrupt"):
        unpickle.convert(source, target)


@pytest.mark.parametrize(
    ("content", "key"), [(b"", "content_empty"), (b"<html>", "content_html"), (None, "missing")]
)
def test_what_is_no_pickle_is_told(tmp_path, content, key):
    source = tmp_path / "x.pt"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(ModelFileError, match=key):
        convert(source)
