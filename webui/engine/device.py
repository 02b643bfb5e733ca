"""Which device draws, in which number format, and how much memory it has."""

from __future__ import annotations

from dataclasses import dataclass

import psutil
import torch

FIRST_CAPABILITY_WITH_HALF = (7, 0)
"""CUDA cards before Volta compute half precision slower than single."""


@dataclass(frozen=True)
class Device:
    """A place to compute. `memory_total` is in bytes; `name` is for people.

    `reads_into`: where weights are read to if not to the device itself.
    """

    torch_device: torch.device
    dtype: torch.dtype
    memory_total: int
    name: str
    reads_into: torch.device | None = None

    @property
    def weights_at(self) -> torch.device:
        """Where weights are read to."""
        return self.reads_into or self.torch_device

    @property
    def is_cpu(self) -> bool:
        """Whether the processor itself draws."""
        return self.torch_device.type == "cpu"


def choose_device() -> Device:
    """The best device of this computer: CUDA (or ROCm), XPU, MPS, or else the CPU."""
    if torch.cuda.is_available():
        return _cuda()
    if torch.xpu.is_available():
        return _xpu()
    if torch.backends.mps.is_available():
        return _mps()
    return cpu_device()


def cpu_device() -> Device:
    """The processor, in single precision: half precision is emulated there, and slow."""
    memory = psutil.virtual_memory().total
    return Device(torch.device("cpu"), torch.float32, memory, "CPU")


def _cuda() -> Device:
    properties = torch.cuda.get_device_properties(0)
    capability = (properties.major, properties.minor)
    # Cards of the GTX 16 series return NaN from half-precision convolutions.
    broken = "GTX 16" in properties.name
    half = capability >= FIRST_CAPABILITY_WITH_HALF and not broken
    dtype = torch.float16 if half else torch.float32
    return Device(torch.device("cuda", 0), dtype, properties.total_memory, properties.name)


def _xpu() -> Device:
    properties = torch.xpu.get_device_properties(0)
    memory = int(properties.total_memory)
    return Device(torch.device("xpu", 0), torch.float16, memory, str(properties.name))


def _mps() -> Device:
    memory = torch.mps.recommended_max_memory()
    return Device(torch.device("mps"), torch.float16, memory, "Apple GPU")


def free_memory(device: Device) -> tuple[int, int]:
    """(free, all) bytes of the device's memory. What torch only holds back counts as free.

    Devices that do not tell are judged by the computer's memory, which they mostly share.
    """
    if device.torch_device.type != "cuda":
        memory = psutil.virtual_memory()
        return int(memory.available), int(memory.total)
    free, total = torch.cuda.mem_get_info(device.torch_device)
    held_back = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    return int(free + held_back), int(total)


def release_memory(device: Device) -> None:
    """Gives cached blocks of the device back, after a job ran out of memory."""
    kind = device.torch_device.type
    if kind == "cuda":
        torch.cuda.empty_cache()
    elif kind == "xpu":
        torch.xpu.empty_cache()
    elif kind == "mps":
        torch.mps.empty_cache()
