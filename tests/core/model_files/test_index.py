"""Models in several files: an index names plain files beside it, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.model_writers import write_model
from webui.core.errors import ModelFileError
from webui.core.model_files.index import read_index, read_sharded_header


def write_index(folder: Path, weight_map: Any) -> Path:
    path = folder / "model.safetensors.index.json"
    content = {"metadata": {"total_size": 1.5}, "weight_map": weight_map}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_shards_are_joined(tmp_path: Path) -> None:
    write_model(tmp_path / "m-1.safetensors", {"a": (2,)}, metadata={"format": "pt"})
    write_model(tmp_path / "m-2.safetensors", {"b": (3,)}, "F32")
    index = write_index(tmp_path, {"b": "m-2.safetensors", "a": "m-1.safetensors"})
    header = read_sharded_header(index)
    assert {name: t.shape for name, t in header.tensors.items()} == {"b": (3,), "a": (2,)}
    assert header.shard_of["a"].path == tmp_path / "m-1.safetensors"
    assert header.metadata == {"format": "pt"}


@pytest.mark.parametrize(
    "name",
    [
        "../m.safetensors",
        "/etc/m.safetensors",
        "sub/m.safetensors",
        "sub\\m.safetensors",
        "C:m.safetensors",
        "m.safetensors:stream.safetensors",
        "m.bin",
        "m\n.safetensors",
        "",
        1,
        None,
    ],
)
def test_a_shard_elsewhere_is_refused(tmp_path: Path, name: Any) -> None:
    (tmp_path / "sub").mkdir()
    for folder in (tmp_path, tmp_path.parent, tmp_path / "sub"):
        write_model(folder / "m.safetensors", {"a": (2,)})
    with pytest.raises(ModelFileError, match="index_name"):
        read_index(write_index(tmp_path, {"a": name}))


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "outside.safetensors", {"a": (2,)})
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "m.safetensors").symlink_to(tmp_path / "outside.safetensors")
    index = write_index(folder, {"a": "m.safetensors"})
    with pytest.raises(ModelFileError, match="model_link"):
        read_index(index)
    assert read_index(index, root=tmp_path) == {"a": folder / "m.safetensors"}


def test_missing_shards_and_tensors_are_named(tmp_path: Path) -> None:
    index = write_index(tmp_path, {"a": "m.safetensors"})
    with pytest.raises(ModelFileError, match=r"model_missing.*m\.safetensors"):
        read_index(index)
    write_model(tmp_path / "m.safetensors", {"b": (2,)})
    with pytest.raises(ModelFileError, match="index_lacks"):
        read_sharded_header(index)


@pytest.mark.parametrize("weight_map", [None, [], {}, "m.safetensors"])
def test_an_index_without_a_table_is_refused(tmp_path: Path, weight_map: Any) -> None:
    with pytest.raises(ModelFileError, match="index_map"):
        read_index(write_index(tmp_path, weight_map))


def test_an_index_that_is_no_object_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(ModelFileError, match="header_deep"):
        read_index(path)
