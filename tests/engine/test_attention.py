"""Shortcuts of the UNet: remembered text, packed convolutions. Both must change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import nn

from webui.engine.attention import TextAttention, TextMemory
from webui.engine.layout import PackedConv2d, can_pack, lay_out_for_cpu

packing = pytest.mark.skipif(not can_pack(), reason="this torch has no packed convolutions")


@pytest.fixture
def plain(tiny_folder: Path) -> UNet2DConditionModel:
    return UNet2DConditionModel.from_pretrained(tiny_folder / "unet", local_files_only=True)


def run(unet: UNet2DConditionModel, x: torch.Tensor, context: torch.Tensor, **more: object):
    with torch.inference_mode():
        return unet(x, torch.full((len(x),), 500.0), context, **more).sample


def test_text_attention_computes_what_diffusers_computes(plain: UNet2DConditionModel) -> None:
    x, context = torch.randn(2, 4, 8, 8), torch.randn(2, 154, 32)
    wanted = run(plain, x, context)
    plain.set_attn_processor(TextAttention())
    assert torch.equal(run(plain, x, context), wanted)
    memory = {"memory": TextMemory()}
    for _ in range(2):
        assert torch.equal(run(plain, x, context, cross_attention_kwargs=memory), wanted)


def test_text_is_projected_once_per_memory(plain: UNet2DConditionModel) -> None:
    plain.set_attn_processor(TextAttention())
    calls: list[str] = []
    for name, module in plain.named_modules():
        if name.endswith(("attn2.to_k", "attn2.to_v")):
            module.register_forward_hook(lambda *_, name=name: calls.append(name))
    x, context = torch.randn(2, 4, 8, 8), torch.randn(2, 77, 32)
    memory = {"memory": TextMemory()}
    for _ in range(3):
        run(plain, x, context, cross_attention_kwargs=memory)
    assert len(calls) == len(set(calls)) > 0


@packing
@pytest.mark.parametrize("size", [(2, 4, 8, 16), (1, 4, 16, 8), (4, 4, 8, 8)])
def test_layouts_change_no_result(plain: UNet2DConditionModel, size: tuple[int, ...]) -> None:
    inputs = torch.randn(size), torch.randn(size[0], 77, 32)
    first = torch.randn(2, 4, 8, 8), torch.randn(2, 77, 32)
    wanted, names = run(plain, *inputs), list(plain.state_dict())
    lay_out_for_cpu(plain)
    assert list(plain.state_dict()) == names
    assert not any(type(module) is nn.Conv2d for module in plain.modules())
    run(plain, *first)  # weights are packed for the first size, and used for all
    assert torch.allclose(run(plain, *inputs), wanted, atol=1e-5)


@packing
@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": 1},
        {"kernel_size": 3, "padding": 1, "stride": 2},
        {"kernel_size": 3, "padding": 2, "dilation": 2, "bias": False},
        {"kernel_size": 3, "padding": 1, "groups": 4},
    ],
)
def test_packed_convolutions_are_convolutions(settings: dict[str, int]) -> None:
    plain = nn.Conv2d(8, 16, **settings).requires_grad_(False)
    packed = PackedConv2d.of(plain)
    with torch.inference_mode():
        for batch, side in ((1, 8), (2, 8), (2, 12)):
            x = torch.randn(batch, 8, side, side)
            assert torch.allclose(packed(x), plain(x), atol=1e-5)


@packing
@pytest.mark.parametrize("inference", [True, False])
def test_packed_convolutions_notice_changed_weights(inference: bool) -> None:
    plain = nn.Conv2d(8, 8, 3).requires_grad_(False)
    packed = PackedConv2d.of(plain)
    x = torch.randn(1, 8, 8, 8)
    with torch.inference_mode(inference):
        before = packed(x)
        packed.weight.mul_(2)
        bias = plain.bias[:, None, None]
        assert torch.allclose(packed(x) - bias, 2 * (before - bias), atol=1e-5)
        packed.weight = nn.Parameter(torch.zeros_like(packed.weight), requires_grad=False)
        assert torch.allclose(packed(x), bias.expand(1, 8, 6, 6))
