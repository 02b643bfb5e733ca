"""Files of textual-inversion embeddings, in all the forms that people have, as one tensor.

What a file is, is read from its content. Pickles are read by torch with `weights_only=True`,
which refuses to call anything but what tensors are made with.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from webui.core.embeddings import HASH_DIGITS, MAX_FILE_BYTES, MAX_VECTORS
from webui.core.errors import ModelFileError

PARTS_OF_SDXL = ("clip_l", "clip_g")
ANY_SLOT = ""
"""Stands for the one text encoder of a family, as its files do not name it."""

DAMAGE = (
    SafetensorError,
    zipfile.BadZipFile,
    struct.error,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    NotImplementedError,
)
"""What readers of damaged files raise, in the experience of those who damaged some."""


def read_embedding(path: Path, name: str) -> tuple[dict[str, Tensor], str]:
    """The vectors of a file, and the digits that infotexts give.

    The vectors are (n, D) float32 on the CPU, by the text encoder that they are for, or by
    `ANY_SLOT` where the file does not say it.

    Raises:
        ModelFileError: the file is unreadable, asks for code to be run, or holds no finite
            vectors or too many.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise _refused(name, f"{size} > {MAX_FILE_BYTES} B")
        data = path.read_bytes()
        vectors = _vectors(_content(data), name)
    except pickle.UnpicklingError as error:
        raise ModelFileError("remark.embedding_pickle", name=name) from error
    except DAMAGE as error:
        reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
        raise _refused(name, reason) from error
    return vectors, hashlib.sha256(data).hexdigest()[:HASH_DIGITS]


def _refused(name: str, reason: str) -> ModelFileError:
    return ModelFileError("remark.embedding_unreadable", name=name, reason=reason)


def _content(data: bytes) -> object:
    if data[8:9] == b"{":
        return load_safetensors(data)
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_FILE_BYTES:
            raise ValueError(f"{unpacked} > {MAX_FILE_BYTES} B")
    # Files of the first trainers hold their tensor in a ParameterDict, whose unpickling only
    # fills its dictionary; see `_entries`.
    with torch.serialization.safe_globals([torch.nn.ParameterDict]):
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def _vectors(content: object, name: str) -> dict[str, Tensor]:
    entries = _entries(content)
    if entries.keys() >= set(PARTS_OF_SDXL):
        found = {slot: _checked(entries[slot], name) for slot in PARTS_OF_SDXL}
        counts = [len(vectors) for vectors in found.values()]
        if len(set(counts)) > 1:
            raise ValueError(f"{' != '.join(map(str, counts))} vectors")
        return found
    tensors = [value for value in entries.values() if isinstance(value, Tensor)]
    if len(tensors) != 1:
        raise ValueError(f"{len(tensors)} tensors in {', '.join(map(str, entries))[:80] or '{}'}")
    return {ANY_SLOT: _checked(tensors[0], name)}


def _checked(tensor: object, name: str) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise TypeError(type(tensor).__name__)
    vectors = tensor.detach()
    if vectors.dim() == 1:
        vectors = vectors[None]
    # Looked at before it is copied: a file of a few bytes may claim any shape.
    if vectors.dim() != 2 or not vectors.is_floating_point() or not vectors.shape[1]:
        raise ValueError(f"{vectors.dtype} {tuple(vectors.shape)}")
    if not 1 <= len(vectors) <= MAX_VECTORS:
        raise ModelFileError(
            "remark.embedding_count", name=name, got=len(vectors), high=MAX_VECTORS
        )
    if vectors.shape[1] > MAX_FILE_BYTES // 4:
        raise ValueError(f"{tuple(vectors.shape)}")
    vectors = vectors.to("cpu", torch.float32).clone()
    if not bool(torch.isfinite(vectors).all()):
        raise ModelFileError("remark.embedding_numbers", name=name)
    return vectors


def _entries(content: object) -> Mapping[Any, Any]:
    """The dictionary that holds the tensor."""
    if isinstance(content, Mapping) and "string_to_param" in content:
        return _entries(content["string_to_param"])
    if isinstance(content, torch.nn.ParameterDict):
        # Not through its methods: a file may have put anything in their place.
        content = vars(content).get("_parameters")
    if isinstance(content, Mapping):
        return content
    raise ValueError(type(content).__name__)
