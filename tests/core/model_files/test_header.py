"""The header of a safetensors file: read fully, and refused by the rule that it breaks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file

from tests.model_writers import write_model, write_raw
from webui.core.errors import ModelFileError
from webui.core.model_files.glance import glance
from webui.core.model_files.header import LONGEST_METADATA, read_header


def entry(dtype: Any = "F16", shape: Any = (2,), offsets: Any = (0, 4)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def header_of(**entries: Any) -> bytes:
    return json.dumps(entries, separators=(",", ":")).encode()


def rule_broken(path: Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        read_header(path)
    assert str(path) in caught.value.message.values["file"]
    return caught.value.message.key


def rule_seen(path: Path) -> str:
    try:
        glance(path)
    except ModelFileError as error:
        return error.message.key
    return ""


def is_refused_by_safetensors(path: Path) -> bool:
    try:
        with safe_open(path, framework="pt"):
            return False
    except SafetensorError:
        return True


STRICTER = {"error.header_duplicate", "error.header_entry", "error.header_shape"}


def test_a_file_of_safetensors_itself_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tensors = {
        "b": torch.zeros(3, 5, dtype=torch.bfloat16),
        "a": torch.zeros(2, dtype=torch.float8_e4m3fn),
        "scalar": torch.tensor(1, dtype=torch.int64),
        "none": torch.zeros(0, 4),
    }
    save_file(tensors, path, metadata={"format": "pt"})
    header = read_header(path)
    assert {n: t.shape for n, t in header.tensors.items()} == {
        "b": (3, 5),
        "a": (2,),
        "scalar": (),
        "none": (0, 4),
    }
    assert {n: t.dtype for n, t in header.tensors.items()} == {
        "b": "BF16",
        "a": "F8_E4M3",
        "scalar": "I64",
        "none": "F32",
    }
    assert header.metadata == {"format": "pt"}
    assert header.data_start + max(t.end for t in header.tensors.values()) == header.file_size


def test_a_sparse_file_of_gigabytes_is_read_by_its_header(tmp_path: Path) -> None:
    path = write_model(tmp_path / "a", {"w": (40_000, 40_000)}, "F32", spaced=True)
    header = read_header(path)
    assert header.file_size > 6e9
    assert header.tensors["w"].end == 40_000 * 40_000 * 4


def test_tensors_out_of_order_are_fine(tmp_path: Path) -> None:
    raw = header_of(late=entry(offsets=(4, 8)), early=entry())
    header = read_header(write_raw(tmp_path / "a", raw, 8))
    assert (header.tensors["late"].begin, header.tensors["early"].begin) == (4, 0)


@pytest.mark.parametrize(
    ("raw", "data_size", "key"),
    [
        (b"{", 0, "error.header_json"),
        (b"{} {}", 0, "error.header_json"),
        (b"\xff{}", 0, "error.header_start"),
        (b"[]", 0, "error.header_start"),
        (b'{"\xff":1}', 0, "error.header_json"),
        (b'{"a":' + b"[" * 100_000, 0, "error.header_deep"),
        (b'{"a":[' + b"1," * 2_100_000 + b"1]}", 0, "error.header_crowded"),
        (b'{"a":NaN}', 0, "error.header_json"),
        (b'{"a":' + b"9" * 100_000 + b"}", 0, None),
        (b'{"a":1,"a":2}', 0, "error.header_duplicate"),
        (b'{"__metadata__":{"a":"1","a":"2"}}', 0, "error.header_duplicate"),
        (b'{"__metadata__":{"a":1}}', 0, "error.header_metadata"),
        (b'{"__metadata__":[["a","b"]]}', 0, "error.header_metadata"),
        (header_of(**{"\ud800": entry()}), 4, "error.header_name"),
        (header_of(a=1), 0, "error.header_entry"),
        (header_of(a=[["dtype", "F16"], ["shape", [2]], ["data_offsets", [0, 4]]]), 4, None),
        (header_of(a={"dtype": "F16", "shape": [2]}), 4, "error.header_entry"),
        (header_of(a={**entry(), "more": 1}), 4, "error.header_entry"),
        (header_of(a=entry(dtype="F17")), 4, "error.header_dtype"),
        (header_of(a=entry(dtype=["F16"])), 4, "error.header_dtype"),
        (header_of(a=entry(shape=[-2])), 4, "error.header_shape"),
        (header_of(a=entry(shape=[True, 2])), 4, "error.header_shape"),
        (header_of(a=entry(shape="2")), 4, "error.header_shape"),
        (header_of(a=entry(shape=[2**62, 2**62])), 4, "error.header_shape"),
        (header_of(a=entry(shape=[1] * 33)), 4, "error.header_shape"),
        (header_of(a=entry(dtype="F4", shape=[3], offsets=(0, 2))), 2, "error.header_shape"),
        (header_of(a=entry(shape=[3])), 4, "error.header_bytes"),
        (header_of(a=entry(offsets=[4, 0])), 4, "error.header_offsets"),
        (header_of(a=entry(offsets=[-4, 0])), 4, "error.header_offsets"),
        (header_of(a=entry(offsets=[0, 4, 8])), 4, "error.header_offsets"),
        (header_of(a=entry(offsets=[2**63, 2**63 + 4])), 4, "error.header_offsets"),
        (header_of(a=entry(), b=entry(offsets=(2, 6))), 6, "error.header_overlap"),
        (header_of(a=entry(), b=entry()), 4, "error.header_overlap"),
        (header_of(a=entry(), b=entry(offsets=(6, 10))), 10, "error.header_hole"),
        (header_of(a=entry(offsets=(2, 6))), 6, "error.header_hole"),
        (header_of(a=entry()), 6, "error.header_rest"),
        (header_of(a=entry()), 3, "error.model_truncated"),
        (header_of(a=entry(shape=[2**40], offsets=(0, 2**41))), 4, "error.model_truncated"),
    ],
)
def test_a_broken_header_is_refused_by_its_rule(
    tmp_path: Path, raw: bytes, data_size: int, key: str | None
) -> None:
    path = write_raw(tmp_path / "a.safetensors", raw, data_size)
    broken = rule_broken(path)
    assert broken == key or (key is None and broken.startswith("error.header_"))
    # A glance may overlook what only loading needs, but never says something else.
    assert rule_seen(path) in (broken, "")
    # The library that loads the weights refuses the file too, but for what only we do not allow.
    assert is_refused_by_safetensors(path) or broken in STRICTER


@pytest.mark.parametrize(
    ("length", "key"),
    [
        (2**63, "error.header_long"),
        (2**64 - 1, "error.header_long"),
        (100_000_001, "error.header_long"),
        (99_999_999, "error.header_beyond"),
        (3, "error.header_beyond"),
    ],
)
def test_a_length_beyond_the_file_is_refused_unread(tmp_path: Path, length: int, key: str) -> None:
    assert rule_broken(write_raw(tmp_path / "a", b"{}", 0, length)) == key


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert rule_broken(pipe) == "error.model_not_a_file"
    assert rule_broken(tmp_path) == "error.model_not_a_file"
    assert rule_broken(tmp_path / "nothing") == "error.model_missing"
    (tmp_path / "short").write_bytes(b"1234567")
    assert rule_broken(tmp_path / "short") == "error.header_short"


def test_metadata_are_bounded_and_can_be_stored(tmp_path: Path) -> None:
    metadata = {"first": "\ud800", "long": "x" * LONGEST_METADATA, "last": "砚"}
    header = read_header(write_model(tmp_path / "a", {"w": (1,)}, metadata=metadata))
    assert header.metadata == {"first": "?", "last": "砚"}
    assert header.metadata_cut
    assert glance(header.path).metadata == header.metadata


def test_a_glance_sees_the_same(tmp_path: Path) -> None:
    shapes = {"model.a": (3, 4), "b": (), "砚": (0,)}
    metadata = {"text": '{"b":{"dtype":"F32","shape":[9],"data_offsets":[0,1]}}'}
    for spaced in (False, True):
        path = write_model(tmp_path / f"{spaced}", shapes, "BF16", metadata, spaced=spaced)
        seen, header = glance(path), read_header(path)
        assert {n: (t.dtype, t.shape) for n, t in seen.tensors.items()} == {
            n: (t.dtype, t.shape) for n, t in header.tensors.items()
        }
        assert list(seen.tensors) == list(shapes)
        assert seen.metadata == metadata


def test_a_glance_notices_a_file_that_is_cut_off(tmp_path: Path) -> None:
    path = write_model(tmp_path / "a", {"w": (100,)})
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(ModelFileError, match="model_truncated"):
        glance(path)


GOOD = save({"a": torch.zeros(2, 3), "b": torch.zeros(4, dtype=torch.float16)})


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.tuples(st.integers(0, len(GOOD) - 1), st.binary(max_size=3)))
def test_any_bytes_are_read_as_by_safetensors_or_refused(
    tmp_path_factory: pytest.TempPathFactory, change: bytes | tuple[int, bytes]
) -> None:
    if isinstance(change, bytes):
        data = change
    else:
        at, new = change
        data = GOOD[:at] + new + GOOD[at + len(new) :]
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(data)
    try:
        header = read_header(path)
    except ModelFileError:
        return
    with safe_open(path, framework="pt") as file:
        assert sorted(file.keys()) == sorted(header.tensors)
        for name, tensor in header.tensors.items():
            assert tuple(file.get_slice(name).get_shape()) == tensor.shape


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.lists(st.integers())
ENTRY = st.fixed_dictionaries({"dtype": JSON, "shape": JSON, "data_offsets": JSON})


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=4), JSON | ENTRY, max_size=4), st.integers(0, 20))
def test_any_json_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, value: dict[str, Any], data_size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "json.safetensors"
    write_raw(path, json.dumps(value).encode(), data_size)
    try:
        tensors = read_header(path).tensors
    except ModelFileError:
        return
    assert sum(tensor.end - tensor.begin for tensor in tensors.values()) == data_size
    assert list(glance(path).tensors) == list(tensors)
