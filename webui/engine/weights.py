"""Safetensors files into modules, with every fault named by file and tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from webui.core.errors import ModelFileError
from webui.engine.device import Device

Module = TypeVar("Module", bound=nn.Module)
Rename = Callable[[str], str]


def find_weights(folder: Path, stem: str) -> Path:
    """The safetensors file of a model part: full precision if it is there, else fp16.

    Raises:
        ModelFileError: if there is none, or only a pickle, which is never opened.
    """
    candidates = [folder / f"{stem}.safetensors", folder / f"{stem}.fp16.safetensors"]
    for path in candidates:
        if path.is_file():
            return path
    pickles = [*folder.glob("*.bin"), *folder.glob("*.ckpt"), *folder.glob("*.pt")]
    if pickles:
        raise ModelFileError("error.model_pickle", file=str(pickles[0]))
    raise ModelFileError("error.model_missing", file=str(candidates[0]))


def fill(module: Module, path: Path, device: Device, rename: Rename) -> Module:
    """Gives a module that was built on the meta device its weights from a file.

    `rename` maps the file's names to the module's. The file is compared with the module before
    a single tensor is read. Convolutions end up channels-last, the layout that they are
    computed fastest in.

    Raises:
        ModelFileError: the file is damaged, lacks a tensor, has one of another shape, or holds
            NaN or infinity.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    try:
        with safe_open(path, framework="pt") as file:
            stored = {rename(name): name for name in file.keys()}  # noqa: SIM118 - not a dict
            shapes = {
                name: tuple(file.get_slice(stored[name]).get_shape())
                for name in expected
                if name in stored
            }
            _compare(path, expected, shapes)
            state = {
                name: file.get_tensor(stored[name]).to(device.torch_device, device.dtype, copy=True)
                for name in expected
            }
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelFileError("error.model_unreadable", file=str(path), reason=reason) from error
    except SafetensorError as error:
        raise ModelFileError("error.model_corrupt", file=str(path), reason=str(error)) from error
    _check_finite(path, state)
    module.load_state_dict(state, assign=True)
    module.requires_grad_(False)
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module.eval()


def _compare(
    path: Path, expected: Mapping[str, tuple[int, ...]], got: Mapping[str, tuple[int, ...]]
) -> None:
    missing = sorted(set(expected) - set(got))
    if missing:
        raise ModelFileError(
            "error.model_incomplete", file=str(path), tensor=missing[0], count=len(missing)
        )
    for name, shape in expected.items():
        if got[name] != shape:
            raise ModelFileError(
                "error.model_shape", file=str(path), tensor=name, got=got[name], wanted=shape
            )


def _check_finite(path: Path, state: Mapping[str, Tensor]) -> None:
    # One answer for all tensors, so that a GPU is waited for once.
    finite = torch.stack([torch.isfinite(tensor).all() for tensor in state.values()]).tolist()
    for name, good in zip(state, finite, strict=True):
        if not good:
            raise ModelFileError("error.model_not_finite", file=str(path), tensor=name)
