"""Which of the two kinds an SD2 file is, by its weights, where header and metadata don't say."""

from __future__ import annotations

import struct
from math import sqrt
from pathlib import Path

from webui.core.errors import ModelFileError
from webui.core.model_files.entries import Tensor
from webui.core.model_files.header import Header, regular_file
from webui.core.model_files.recognition import Prediction

TELLING = (
    "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias",
    "output_blocks.11.1.transformer_blocks.0.norm1.bias",
    "up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias",
)
"""The last transformer's first norm: its biases spread wider in models that predict v."""

WIDEST_EPSILON = 0.09
"""Standard deviation; the 512 models stay below it, the 768 models and their finetunes above."""

LONGEST = 4096
"""Numbers; the real tensor has 320."""


def prediction_by_weights(header: Header) -> Prediction | None:
    """Reads one small tensor of a UNet and tells the kind; None if the file lacks it.

    Raises:
        ModelFileError: the file cannot be read.
    """
    for name in TELLING:
        tensor = header.tensors.get(name)
        if tensor is not None:
            values = _values(header.path, header.data_start, tensor)
            if not values:
                return None
            wide = _deviation(values) > WIDEST_EPSILON
            return Prediction("v_prediction" if wide else "epsilon", "weights")
    return None


def _values(path: Path, data_start: int, tensor: Tensor) -> tuple[float, ...]:
    """The numbers of a small tensor in fp32, fp16 or bf16; () for other types and sizes."""
    if len(tensor.shape) != 1 or tensor.shape[0] > LONGEST:
        return ()
    length = tensor.end - tensor.begin
    with regular_file(path) as stream:
        stream.seek(data_start + tensor.begin)
        raw = stream.read(length)
    if len(raw) < length:
        raise ModelFileError("error.content_truncated", file=str(path))
    count = tensor.shape[0]
    if tensor.dtype == "F32":
        return struct.unpack(f"<{count}f", raw)
    if tensor.dtype == "F16":
        return struct.unpack(f"<{count}e", raw)
    if tensor.dtype == "BF16":  # the upper half of an fp32
        halves = struct.unpack(f"<{count}H", raw)
        return struct.unpack(f"<{count}f", struct.pack(f"<{count}I", *(h << 16 for h in halves)))
    return ()


def _deviation(values: tuple[float, ...]) -> float:
    mean = sum(values) / len(values)
    return sqrt(sum((value - mean) ** 2 for value in values) / len(values))
