"""From a file to a model that enlarges."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

import webui
from webui.core.errors import InkstoneError, Message, ModelFileError
from webui.core.model_files.content import kind_of_content, refuse_other_content
from webui.core.model_files.header import read_header
from webui.engine.device import Device
from webui.engine.faults import is_out_of_memory
from webui.engine.upscaling.architectures import library

UNPICKLE = (sys.executable, "-m", "webui.engine.unpickle")
UNPICKLE_SECONDS = 600.0
COLOURS = 3
PURPOSES = ("SR", "Restoration")
LONGEST_REASON = 300

WRAPPINGS = ("params_ema.", "params-ema.", "params.")
"""What stands before the names where a trainer's tables were stored flat; the first counts."""

WRONG = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What the library raises for tensors that begin like an architecture's and go on otherwise."""


def load_descriptor(file: Path, device: Device) -> Any:
    """The library's description of the model in `file`, ready to work, away from the device.

    It is in half precision where the device draws in it and the architecture stands it. A pickle
    is opened by a process of its own.

    Raises:
        ModelFileError: naming the file and what is wrong with it.
        InkstoneError: the library of architectures is not installed.
        RuntimeError: memory runs out.
    """
    try:
        spandrel = library()
    except ImportError as error:
        raise InkstoneError("error.upscaler_library", reason=str(error)) from error
    tensors = spandrel.canonicalize_state_dict(_unwrapped(read_tensors(file)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the architectures' authors took from torch
            found = spandrel.ModelLoader().load_from_state_dict(tensors)
    except spandrel.UnsupportedModelError as error:
        raise ModelFileError("error.upscaler_unknown", file=str(file)) from error
    except WRONG as error:
        if is_out_of_memory(error):
            raise
        reason = " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
        raise ModelFileError("error.model_corrupt", file=str(file), reason=reason) from error
    fits = isinstance(found, spandrel.ImageModelDescriptor) and found.purpose in PURPOSES
    if not fits or (found.input_channels, found.output_channels) not in ((1, 1), (3, 3)):
        kind = f"{found.architecture.name} ({found.purpose})"
        raise ModelFileError("error.upscaler_kind", file=str(file), kind=kind)
    found.eval()
    found.model.requires_grad_(False)
    half = device.dtype == torch.float16 and found.supports_half
    return found.to(dtype=torch.float16 if half else torch.float32)


def read_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file or of a pickle, by content.

    Raises:
        ModelFileError: it is neither, is damaged, or asks for more than tensors.
    """
    if kind_of_content(file) == "pickle":
        with tempfile.TemporaryDirectory(prefix="inkstone-") as folder:
            target = Path(folder) / "weights.safetensors"
            _unpickle(file, target)
            return _read(target, file)
    refuse_other_content(file)
    return _read(file, file)


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for start in WRAPPINGS:
        inner = {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}
        if inner:
            return inner
    return tensors


def _read(file: Path, named: Path) -> dict[str, Tensor]:
    read_header(file)
    try:
        # Not mapped: a mapping of a file that shrinks meanwhile ends the process.
        return safetensors.torch.load(file.read_bytes())
    except (OSError, SafetensorError, KeyError) as error:
        raise ModelFileError("error.model_corrupt", file=str(named), reason=str(error)) from error


def _unpickle(source: Path, target: Path) -> None:
    try:
        done = subprocess.run(
            [*UNPICKLE, str(source.absolute()), str(target)],
            cwd=Path(webui.__file__).parents[1],
            capture_output=True,
            text=True,
            check=False,
            timeout=UNPICKLE_SECONDS,
        )
        answer = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError, subprocess.TimeoutExpired) as error:
        raise ModelFileError(
            "error.model_corrupt", file=str(source), reason=type(error).__name__
        ) from error
    if "error" in answer:
        message = Message.from_json(answer["error"])
        raise ModelFileError(message.key, **dict(message.values))
