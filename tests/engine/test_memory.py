"""What is tried when memory runs out: real parts, and allocations that fail where told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.engine.test_pipeline import Recorder, drawn, small
from webui.core.errors import OutOfMemory
from webui.core.events import ModelFiles
from webui.core.memory_levels import Budget
from webui.engine.bundle import ModelBundle
from webui.engine.checkpoint import load_bundle
from webui.engine.device import Device, cpu_device
from webui.engine.memory import Memory
from webui.engine.models import Models
from webui.engine.pipeline import generate


@contextmanager
def scarce(part: nn.Module, too_much: Callable[[Tensor], bool]) -> Iterator[list[int]]:
    """Convolutions of the part cannot get memory for an input that is too much; counts calls."""
    refused = [0]

    def allocate(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if too_much(inputs[0]):
            refused[0] += 1
            raise torch.OutOfMemoryError("out of memory")

    handles = [
        module.register_forward_pre_hook(allocate)
        for module in part.modules()
        if isinstance(module, nn.Conv2d)
    ]
    try:
        yield refused
    finally:
        for handle in handles:
            handle.remove()


class TwoPlaces(Memory):
    """A memory beside the computer's own, as a card's is: notes where each part is."""

    def __init__(self, device: Device, full: bool = False) -> None:
        super().__init__(device)
        self.here: set[nn.Module] = set()
        self.most = 0
        self.full = full

    @property
    def can_offload(self) -> bool:
        return True

    def holds(self, part: nn.Module) -> bool:
        return part in self.here

    def _move(self, part: nn.Module, place: torch.device) -> None:
        home = place is not self.device.torch_device
        (self.here.discard if home else self.here.add)(part)
        if not home and self.full and len(self.here) > 1:
            raise torch.OutOfMemoryError("out of memory")
        self.most = max(self.most, len(self.here))


def with_memory(bundle: ModelBundle, memory: Memory) -> ModelBundle:
    memory.adopt([bundle.unet, bundle.vae, *(text.encoder for text in bundle.texts)])
    return replace(bundle, memory=memory)


def test_a_batch_that_does_not_fit_is_halved(tiny: ModelBundle) -> None:
    request = small(batch_size=5)
    wanted, recorder = drawn(tiny, request), Recorder()
    with scarce(tiny.unet, lambda x: len(x) > 4):  # two pictures, with and without the prompt
        generate(tiny, request, None, recorder)
    assert sorted(recorder.pictures) == [0, 1, 2, 3, 4]
    assert all(np.array_equal(recorder.pictures[i], wanted[i]) for i in wanted)
    assert {len(indices) for indices, _, _ in recorder.steps} == {1, 2}


def test_a_picture_that_does_not_fit_is_decoded_in_tiles(tiny: ModelBundle) -> None:
    request = small(width=768, height=64, steps=1)
    wanted = drawn(tiny, request)[0]
    with scarce(tiny.vae, lambda x: x.shape[-1] > 700) as refused:
        got = drawn(tiny, request)[0]
    assert refused[0]
    assert np.abs(got.astype(int) - wanted).max() <= 1


def test_what_is_in_vain_ends_in_one_message(tiny: ModelBundle) -> None:
    recorder = Recorder()
    with scarce(tiny.unet, lambda _: True), pytest.raises(OutOfMemory) as caught:
        generate(tiny, small(batch_size=2), None, recorder)
    assert caught.value.message.key == "error.out_of_memory"
    assert not recorder.pictures
    assert sorted(drawn(tiny, small(batch_size=2))) == [0, 1]


def test_parts_take_turns_and_change_no_number(tiny: ModelBundle) -> None:
    request, memory = small(hires=True, hires_upscaler="Lanczos", steps=2), TwoPlaces(cpu_device())
    wanted = drawn(tiny, request)[0]
    memory.offload = True
    assert np.array_equal(drawn(with_memory(tiny, memory), request)[0], wanted)
    assert memory.most == 1


def test_a_device_that_is_full_lets_parts_take_turns(tiny: ModelBundle) -> None:
    memory = TwoPlaces(cpu_device(), full=True)
    got = drawn(with_memory(tiny, memory), small())[0]
    assert np.array_equal(got, drawn(tiny, small())[0])
    assert memory.offload
    assert memory.most == 1


def test_the_level_splits_a_batch_before_memory_runs_out(tiny_folder: Path) -> None:
    bundle, recorder = load_bundle(tiny_folder, cpu_device()), Recorder()
    bundle.memory.budget = Budget(1e-4)
    generate(bundle, small(batch_size=4, steps=1), None, recorder)
    assert {len(indices) for indices, _, _ in recorder.steps} == {1}
    assert sorted(recorder.pictures) == [0, 1, 2, 3]


def test_large_models_wait_at_home(tiny_folder: Path) -> None:
    """What a device is too small for is read into the computer's memory."""
    models = Models(cpu_device(), "low")
    models.memory = TwoPlaces(cpu_device())
    models.memory.budget = Budget(1e-6)
    bundle = models.load(ModelFiles("tiny", str(tiny_folder))).bundle
    assert models.memory.offload
    assert bundle.device.weights_at.type == "cpu"
    assert not models.memory.here
    assert drawn(bundle, small())
    assert models.memory.most == 1
