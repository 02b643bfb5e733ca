"""What a file is by its bytes, whatever its name says."""

from __future__ import annotations

import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch

from tests.model_writers import write_model
from webui.core.errors import ModelFileError
from webui.core.model_files.content import kind_of_content, refuse_other_content


def saved(path: Path, *, new_format: bool) -> bytes:
    torch.save({"a": torch.zeros(9)}, path, _use_new_zipfile_serialization=new_format)
    return path.read_bytes()


def test_safetensors_under_any_name(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.ckpt", {"a": (2,)})
    assert kind_of_content(path) == "safetensors"
    refuse_other_content(path)


@pytest.mark.parametrize("new_format", [True, False])
def test_pickles_of_torch_under_any_name(tmp_path: Path, new_format: bool) -> None:
    path = tmp_path / "model.safetensors"
    data = saved(path, new_format=new_format)
    assert kind_of_content(path) == "pickle"
    with pytest.raises(ModelFileError, match="model_pickle"):
        refuse_other_content(path)
    if new_format:
        path.write_bytes(data[:-30])
        assert kind_of_content(path) == "truncated"


@pytest.mark.parametrize("protocol", range(6))
def test_bare_pickles(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(pickle.dumps({"a": [1.0] * 20}, protocol))
    assert kind_of_content(path) == "pickle"


def test_the_oldest_form_of_torch_is_a_pickle_too(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    (tmp_path / "storages").write_bytes(b"1")
    with tarfile.open(path, "w") as archive:
        archive.add(tmp_path / "storages", "storages")
    assert kind_of_content(path) == "pickle"


def test_an_archive_with_a_model_in_it(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.safetensors", b"1")
    assert kind_of_content(path) == "zip"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"\x00" * 5000, "truncated"),
        ((500).to_bytes(8, "little") + b'{"a":', "truncated"),
        (b"GGUF\x03\x00\x00\x00", "gguf"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "lfs_pointer"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><title>Sign in</title>", "html"),
        (b"<html>" + "登录".encode() * 2000, "html"),
        (b'{"error":"Access denied"}', "json"),
        ("没有这个文件".encode(), "text"),
        (b"\x89PNG\r\n\x1a\n", "unknown"),
        (b"\x01\x02\x03", "unknown"),
    ],
)
def test_other_content_is_named_and_refused(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    assert kind_of_content(path) == kind
    with pytest.raises(ModelFileError) as caught:
        refuse_other_content(path)
    assert caught.value.message.values["file"] == str(path)
    assert caught.value.message.key == f"error.content_{'text' if kind == 'json' else kind}"
