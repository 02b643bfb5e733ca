"""The models of a merge, opened as far as their headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from webui.core.errors import ModelFileError
from webui.core.merging import Averages, MergeSource
from webui.core.model_files.content import refuse_other_content
from webui.core.model_files.folders import INDEX, PART_FOLDERS, part_weights
from webui.core.model_files.header import Header, read_header
from webui.core.model_files.index import ShardedHeader, read_sharded_header
from webui.core.model_files.recognise import recognise
from webui.engine.merge.plan import Stored, Table
from webui.engine.single_file.unet_names import EMA_PREFIX, PREFIX, ema_name

WHOLE = "unet"
"""Under which name a model of one file, which is not divided, stands among the parts."""


@dataclass(frozen=True)
class Source:
    """A model: its tensors by part. `family` as recognised; `inputs`: channels of the UNet."""

    source: MergeSource
    parts: Mapping[str, Table]
    metadata: Mapping[str, str]
    weights: Path
    family: str
    inputs: int

    @property
    def file(self) -> str:
        """The path as messages say it."""
        return self.source.path


def open_model(source: MergeSource, averages: Averages = "keep") -> Source:
    """Reads the headers of a checkpoint, file or folder. `averages`: see `Averages`.

    Raises:
        ModelFileError: it cannot be read, or holds no UNet of a known family.
    """
    path = Path(source.path)
    root = Path(source.root) if source.root else None
    parts = {WHOLE: path} if source.kind == "file" else {}
    for part in PART_FOLDERS if source.kind == "folder" else ():
        weights = part_weights(path / part)
        if weights is not None:
            parts[part] = weights
    if WHOLE not in parts:
        raise ModelFileError("error.model_missing", file=str(path / "unet"))
    headers = {part: _header(weights, root or path) for part, weights in parts.items()}
    found = recognise(headers[WHOLE])
    if found.kind not in ("checkpoint", "unet") or not found.family:
        raise ModelFileError("error.merge_no_model", file=source.path)
    return Source(
        source,
        {part: settled(table_of(header), averages) for part, header in headers.items()},
        headers[WHOLE].metadata,
        parts[WHOLE],
        found.family,
        found.unet.in_channels if found.unet else 0,
    )


def settled(table: Table, averages: Averages) -> Table:
    """A table without moving averages, or with them as weights; as it is if it has nothing else."""
    plain = [name for name in table if name.startswith(PREFIX)]
    if averages == "keep" or not plain:
        return table
    rest = {name: one for name, one in table.items() if not name.startswith(EMA_PREFIX)}
    if averages == "use":
        pairs = [(name, ema_name(name.removeprefix(PREFIX))) for name in plain]
        rest.update((name, table[average]) for name, average in pairs if average in table)
    return rest


def open_vae(source: MergeSource) -> Table:
    """The tensors of a VAE: of its file, a checkpoint, or a folder of its own.

    Raises:
        ModelFileError: it cannot be read.
    """
    path = Path(source.path)
    weights = part_weights(path) if source.kind == "folder" else path
    if weights is None:
        raise ModelFileError("error.model_missing", file=source.path)
    table = table_of(_header(weights, Path(source.root) if source.root else weights.parent))
    inner = {n: one for n, one in table.items() if n.startswith(("first_stage_model.", "vae."))}
    return inner or table


def table_of(header: Header | ShardedHeader) -> dict[str, Stored]:
    """The tensors of a header, each with the file that it is in."""
    if isinstance(header, ShardedHeader):
        return {name: Stored(shard, name) for name, shard in header.shard_of.items()}
    return {name: Stored(header, name) for name in header.tensors}


def _header(weights: Path, root: Path) -> Header | ShardedHeader:
    if weights.name.endswith(INDEX):
        return read_sharded_header(weights, root)
    refuse_other_content(weights)
    return read_header(weights)
