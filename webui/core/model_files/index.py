"""A model in several safetensors files, which an index lists: `*.safetensors.index.json`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from webui.core.errors import ModelFileError
from webui.core.model_files.entries import Tensor
from webui.core.model_files.header import (
    Header,
    parse_object,
    read_header,
    refuse_duplicates,
    regular_file,
)

LONGEST_INDEX = 16 * 2**20
MOST_SHARDS = 1000


@dataclass(frozen=True)
class ShardedHeader:
    """The headers of all shards; `tensors` and `metadata` join them.

    The offsets of a tensor count from the `data_start` of its own shard, `shard_of[name]`.
    """

    path: Path
    shards: tuple[Header, ...]
    shard_of: Mapping[str, Header]

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """All tensors by name."""
        return {name: shard.tensors[name] for name, shard in self.shard_of.items()}

    @property
    def metadata(self) -> Mapping[str, str]:
        """The metadata of the shards, the first one's where they differ."""
        joined: dict[str, str] = {}
        for shard in reversed(self.shards):
            joined.update(shard.metadata)
        return joined

    @property
    def file_size(self) -> int:
        """Bytes of all shards."""
        return sum(shard.file_size for shard in self.shards)


def read_index(path: Path, root: Path | None = None) -> dict[str, Path]:
    """The shard of each tensor. Shards are plain names of safetensors files beside the index.

    `root`: the folder that links may lead to; by default the index's own.

    Raises:
        ModelFileError: the index is malformed, or a shard is missing, is named by a path, or is
            a link that leads out of `root`.
    """
    file = str(path)
    with regular_file(path) as stream:
        raw = stream.read(LONGEST_INDEX + 1)
    if len(raw) > LONGEST_INDEX:
        raise ModelFileError("error.index_long", file=file, high=LONGEST_INDEX)
    weight_map = dict(parse_object(raw, file, fractions=True)).get("weight_map")
    if not isinstance(weight_map, tuple) or not weight_map:
        raise ModelFileError("error.index_map", file=file)
    refuse_duplicates(weight_map, file)
    shards: dict[str, Path] = {}
    for tensor, name in weight_map:
        if not isinstance(name, str) or not _is_plain(name):
            raise ModelFileError("error.index_name", file=file, tensor=tensor, got=_brief(name))
        shards.setdefault(name, path.parent / name)
    if len(shards) > MOST_SHARDS:
        raise ModelFileError("error.index_crowded", file=file, got=len(shards), high=MOST_SHARDS)
    for shard in shards.values():
        _check_place(shard, path.parent if root is None else root)
    return {tensor: shards[name] for tensor, name in weight_map}


def read_sharded_header(path: Path, root: Path | None = None) -> ShardedHeader:
    """Reads the index and the headers of all its shards.

    Raises:
        ModelFileError: as `read_index` and `read_header`; or a shard lacks a tensor that the
            index says it has.
    """
    places = read_index(path, root)
    headers = {shard: read_header(shard) for shard in dict.fromkeys(places.values())}
    for tensor, shard in places.items():
        if tensor not in headers[shard].tensors:
            raise ModelFileError("error.index_lacks", file=str(shard), tensor=tensor)
    shard_of = {tensor: headers[shard] for tensor, shard in places.items()}
    return ShardedHeader(path, tuple(headers.values()), shard_of)


def _is_plain(name: str) -> bool:
    """Whether it is one name on every system: no folder, no drive, no stream, no control."""
    return (
        name.endswith(".safetensors")
        and PurePosixPath(name).name == name
        and PureWindowsPath(name).name == name
        and ":" not in name
        and name.isprintable()
    )


def _check_place(shard: Path, root: Path) -> None:
    try:
        real = Path(os.path.realpath(shard, strict=True))
    except FileNotFoundError as error:
        raise ModelFileError("error.model_missing", file=str(shard)) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelFileError("error.model_unreadable", file=str(shard), reason=reason) from error
    if not real.is_relative_to(os.path.realpath(root)):
        raise ModelFileError("error.model_link", file=str(shard), folder=str(root))


def _brief(value: Any) -> str:
    return repr(value)[:80]
