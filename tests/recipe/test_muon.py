"""Orthogonal updates against torch's own Muon, which takes matrices only."""

from __future__ import annotations

import torch
from recipe.muon import MOMENTUM, SMALLEST, Muon, orthogonal
from torch import Tensor, nn


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_singular_values_come_near_one() -> None:
    for shape in ((3, 40, 90), (2, 90, 40)):
        values = torch.linalg.svdvals(orthogonal(random(*shape)).float())
        assert values.shape == (shape[0], 40)
        assert 0.5 < float(values.min()) < float(values.max()) < 1.3


def test_matrices_move_as_torch_moves_them_and_a_convolution_as_its_matrix() -> None:
    start = [random(48, 72, seed=1), random(48, 72, seed=2), random(72, 48, seed=3)]
    convolution = random(48, 8, 3, 3, seed=4)
    ours = [nn.Parameter(w.clone()) for w in (*start, convolution)]
    theirs = [nn.Parameter(w.clone()) for w in (*start, convolution.reshape(48, 72))]
    mine = Muon([*ours, nn.Parameter(random(4))], lr=0.02, weight_decay=0.1)
    reference = torch.optim.Muon(
        theirs,
        lr=0.02,
        weight_decay=0.1,
        momentum=MOMENTUM,
        adjust_lr_fn="match_rms_adamw",
    )
    for step in range(4):
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            one.grad = random(*one.shape, seed=10 * step + index + 5)
            other.grad = one.grad.reshape(other.shape)
        mine.step()
        reference.step()
    for before, one, other in zip((*start, convolution), ours, theirs, strict=True):
        assert torch.allclose(one.reshape(other.shape), other, atol=2e-3)
        assert float((one.detach() - before).abs().max()) > 0.02


def test_vectors_and_thin_matrices_are_left_to_adamw() -> None:
    shapes = ((64,), (SMALLEST - 1, 64), (4, 64, 3, 3))
    ours = [nn.Parameter(random(*shape, seed=n)) for n, shape in enumerate(shapes)]
    theirs = [nn.Parameter(w.detach().clone()) for w in ours]
    mine = Muon([*ours, nn.Parameter(random(40, 40))], lr=0.01)
    reference = torch.optim.AdamW(theirs, lr=0.01)
    for one, other in zip(ours, theirs, strict=True):
        one.grad = other.grad = random(*one.shape, seed=9)
    mine.step()
    reference.step()
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    mine.zero_grad()
    assert all(weight.grad is None for weight in ours)
