"""Takes the tensors out of a pickle and writes them as safetensors, in a process of its own.

`python -m webui.engine.unpickle SOURCE TARGET` is started for one file and then gone: what a file
does to a process in spite of `weights_only=True` ends with it. Its answer is one line of JSON.
"""

from __future__ import annotations

import json
import pickle
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from webui.core.errors import ModelFileError
from webui.engine.embedding_formats import DAMAGE

WITHOUT_MEANING = (
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
    "pytorch_lightning.utilities.types._METRIC",
    "lightning.pytorch.callbacks.model_checkpoint.ModelCheckpoint",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
)
"""What trainers left in checkpoints beside the weights. Each becomes a `Nothing`."""

TABLES = ("state_dict", "model_state_dict", "params_ema", "params-ema", "params", "model", "net")
"""Under which names files keep their weights, the first that is there."""

LONGEST_REASON = 300


class Nothing:
    """Stands for an object whose class is not loaded; takes everything and does nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


def convert(source: Path, target: Path) -> int:
    """Writes the tensors of `source` to `target`; returns their number.

    Raises:
        ModelFileError: the file asks for more than tensors, is damaged, or holds no tensors.
        OSError, SafetensorError: `target` cannot be written.
    """
    file = str(source)
    try:
        tensors = tensors_of(_load(source))
    except pickle.UnpicklingError as error:
        raise ModelFileError("error.convert_refused", file=file, reason=_brief(error)) from error
    except DAMAGE as error:
        raise ModelFileError("error.model_corrupt", file=file, reason=_brief(error)) from error
    if not tensors:
        raise ModelFileError("error.convert_empty", file=file)
    save_file(tensors, target, metadata={"format": "pt"})
    return len(tensors)


def tensors_of(content: object) -> dict[str, Tensor]:
    """The tensors of what was in a pickle, by name, each with memory of its own."""
    if isinstance(content, Mapping) and "string_to_param" in content:  # an embedding
        inner = content["string_to_param"]
        vectors = [v for v in dict(inner).values() if isinstance(v, Tensor)]
        return {"emb_params": vectors[0].detach().contiguous()} if len(vectors) == 1 else {}
    if not isinstance(content, Mapping):
        return {}
    table = next((content[n] for n in TABLES if isinstance(content.get(n), Mapping)), content)
    found: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, value in table.items():
        if isinstance(name, str) and isinstance(value, Tensor) and not value.is_sparse:
            tensor = value.detach().contiguous()
            place = tensor.untyped_storage().data_ptr()
            shared = place in taken or tensor.untyped_storage().nbytes() != tensor.nbytes
            found[name] = tensor.clone() if shared else tensor
            taken.add(place)
    return found


def _load(source: Path) -> Any:
    harmless: list[Any] = [(Nothing, name) for name in WITHOUT_MEANING]
    # Mapped, the tensors are read while they are written, not all at once. The library maps files
    # by name alone, and takes a name's word for it that a file is safetensors.
    mapped = zipfile.is_zipfile(source) and source.suffix != ".safetensors"
    with torch.serialization.safe_globals([*harmless, torch.nn.ParameterDict]):
        if mapped:
            return torch.load(source, map_location="cpu", weights_only=True, mmap=True)
        with source.open("rb") as file:
            return torch.load(file, map_location="cpu", weights_only=True)


def _brief(error: BaseException) -> str:
    text = str(error).strip()
    # The library goes on with advice how to open the file all the same.
    said = text.partition("WeightsUnpickler error:")[2] or text
    return " ".join(said.split())[:LONGEST_REASON] or type(error).__name__


def main() -> None:
    """Converts the file that the command line names."""
    source, target = (Path(argument) for argument in sys.argv[1:3])
    answer: dict[str, Any]
    try:
        answer = {"tensors": convert(source, target)}
    except ModelFileError as error:
        answer = {"error": error.message.to_json()}
    except (OSError, SafetensorError) as error:
        values = {"file": str(target), "reason": _brief(error)}
        answer = {"error": ModelFileError("error.convert_unwritten", **values).message.to_json()}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
