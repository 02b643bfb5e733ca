"""Weights in the memory layouts that the CPU computes in, instead of converting at every step.

At small picture sizes a UNet's convolutions spend a quarter of their time rearranging weights
that never change. Results stay the same to the last bit for convolutions.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

PACKED_LIMIT = 512 * 2**20
"""Bytes of weights up to which they are arranged anew: beyond it that costs time and memory, and
such models are used at sizes where it no longer shows."""


class PackedConv2d(nn.Conv2d):
    """A convolution that keeps a second copy of its weight in oneDNN's own layout.

    The copy is renewed when the weight was replaced or written to, so whoever changes weights
    needs not know of it.
    """

    _packed: Tensor | None = None
    _source: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, plain: nn.Conv2d) -> PackedConv2d:
        """The same convolution, sharing weight and bias."""
        with torch.device("meta"):
            packed = cls(
                plain.in_channels,
                plain.out_channels,
                (plain.kernel_size[0], plain.kernel_size[1]),
                (plain.stride[0], plain.stride[1]),
                plain.padding,  # type: ignore[arg-type]
                (plain.dilation[0], plain.dilation[1]),
                plain.groups,
                plain.bias is not None,
            )
        packed.weight, packed.bias = plain.weight, plain.bias
        return packed.train(plain.training)

    def forward(self, input: Tensor) -> Tensor:
        """As nn.Conv2d, for float32 on the CPU."""
        if self.padding_mode != "zeros":  # wraps around, see `webui.engine.tiling`
            return super().forward(input)
        # Tensors made in inference mode count no versions; nothing of ours writes to such.
        version = 0 if self.weight.is_inference() else self.weight._version
        state = (self.weight.data_ptr(), version)
        if self._packed is None or self._source != state:
            self._packed, self._source = _pack(self, input), state
        output: Tensor = torch.ops.mkldnn._convolution_pointwise(
            input.contiguous(memory_format=torch.channels_last),
            self._packed,
            self.bias,
            self.padding,
            self.stride,
            self.dilation,
            self.groups,
            "none",
            [],
            "",
        )
        return output


def _pack(conv: nn.Conv2d, example: Tensor) -> Tensor:
    # torch's own annotations lack the last argument, the size to choose the layout for.
    reorder: Callable[..., Tensor] = torch._C._nn.mkldnn_reorder_conv2d_weight
    weight = conv.weight.detach().to_mkldnn()
    shape = list(example.shape)
    return reorder(weight, conv.padding, conv.stride, conv.dilation, conv.groups, shape)


def lay_out_for_cpu(module: nn.Module) -> None:
    """Arranges the weights of a float32 module on the CPU, in place."""
    linear = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    if sum(layer.weight.nbytes for layer in linear) <= PACKED_LIMIT:
        for layer in linear:
            # Column by column, as matrix products of few rows read them fastest.
            layer.weight.data = layer.weight.data.t().contiguous().t()
    plain = _plain_convolutions(module)
    size = sum(conv.weight.nbytes for _, _, conv in plain)
    if size <= PACKED_LIMIT and can_pack():
        for parent, name, conv in plain:
            setattr(parent, name, PackedConv2d.of(conv))


def _plain_convolutions(module: nn.Module) -> list[tuple[nn.Module, str, nn.Conv2d]]:
    return [
        (parent, name, child)
        for parent in module.modules()
        for name, child in parent.named_children()
        if type(child) is nn.Conv2d and child.padding_mode == "zeros"
    ]


def can_pack() -> bool:
    """Whether this build of torch has oneDNN's packed convolutions and computes them rightly.

    They are no public interface, so they are tried out first.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    with torch.inference_mode():
        plain = nn.Conv2d(16, 16, 3, padding=1)
        example = torch.ones(2, 16, 8, 8)
        try:
            got = PackedConv2d.of(plain)(example)
        except (AttributeError, RuntimeError, TypeError):
            return False
        return torch.allclose(got, plain(example), atol=1e-5)
