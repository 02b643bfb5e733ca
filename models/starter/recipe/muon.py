"""AdamW for vectors, and orthogonal updates for matrices and convolutions.

Jordan et al. 2024, "Muon": the momentum of a matrix is replaced by the nearest orthogonal matrix,
found by five steps of a quintic Newton-Schulz iteration, so that rare directions are learned as
fast as common ones. Scaled by 0.2 sqrt(max(rows, columns)) as Liu et al. 2025 ("Muon is scalable",
section 2.2) do, an update has the size of AdamW's, and both take the same learning rate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.95
QUINTIC = (3.4445, -4.7750, 2.0315)
SMALLEST = 32
"""Below this many rows or columns a matrix is an input or output layer and left to AdamW."""


def orthogonal(matrices: Tensor) -> Tensor:
    """(N, rows, columns): each with its singular values brought near 1."""
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.bfloat16()
    x = x.mT.contiguous() if tall else x
    x = x / (torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True) + 1e-7)
    a, b, c = QUINTIC
    for _ in range(5):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.AdamW):
    """AdamW, in which the weights with two large sides get orthogonal updates."""

    def __init__(self, weights: Iterable[Tensor], **adamw: Any) -> None:
        """`adamw`: what `torch.optim.AdamW` takes."""
        matrices, others = [], []
        for weight in weights:
            sides = (len(weight), weight[0].numel()) if weight.ndim > 1 else (0, 0)
            (matrices if min(sides) >= SMALLEST else others).append(weight)
        super().__init__(others, **adamw)
        self._shapes: dict[tuple[int, int], list[Tensor]] = defaultdict(list)
        for weight in matrices:
            self._shapes[len(weight), weight[0].numel()].append(weight)
        self._momenta = {
            shape: torch.zeros(len(same), *shape, device=same[0].device)
            for shape, same in self._shapes.items()
        }

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of all weights."""
        super().step(closure)
        group = self.param_groups[0]
        for shape, same in self._shapes.items():
            gradients = torch.stack([_gradient(weight).reshape(shape) for weight in same])
            momenta = self._momenta[shape]
            momenta.lerp_(gradients, 1 - MOMENTUM)
            update = orthogonal(gradients.lerp(momenta, MOMENTUM)).float()
            size = -group["lr"] * 0.2 * max(shape) ** 0.5
            for weight, change in zip(same, update, strict=True):
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(change.reshape(weight.shape), alpha=size)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Of all weights."""
        super().zero_grad(set_to_none)
        for same in self._shapes.values():
            for weight in same:
                weight.grad = None

    def state_dict(self) -> dict[str, Any]:
        """AdamW's, with the momenta."""
        kept = super().state_dict()
        kept["momenta"] = list(self._momenta.values())
        return kept

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "momenta"})
        for mine, kept in zip(self._momenta.values(), state_dict["momenta"], strict=True):
            mine.copy_(kept)


def _gradient(weight: Tensor) -> Tensor:
    return torch.zeros_like(weight) if weight.grad is None else weight.grad
