"""Where the tensors of a module stand in a file of another layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Piece = Literal["whole", "first", "second", "third", "transposed"]
THIRDS: Mapping[Piece, int] = {"first": 0, "second": 1, "third": 2}


class Origin(NamedTuple):
    """The file's name for a tensor, and what to take of it.

    A third is one of three equal blocks of rows: OpenCLIP keeps the weights of query, key and
    value in one tensor.
    """

    name: str
    piece: Piece = "whole"


Origins = Mapping[str, Origin]
"""By the module's own names."""


def written(origins: Origins, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The reverse of loading: a module's tensors as the file names and shapes them."""
    stored: dict[str, Tensor] = {}
    fused: dict[str, dict[int, Tensor]] = {}
    for name, (target, piece) in origins.items():
        if piece in THIRDS:
            fused.setdefault(target, {})[THIRDS[piece]] = state[name]
        elif piece == "transposed":
            stored[target] = state[name].t().contiguous()
        else:
            stored[target] = state[name]
    stored.update((name, torch.cat([rows[i] for i in range(3)])) for name, rows in fused.items())
    return stored


def renamed(names: Mapping[str, object], rule: Callable[[str], str | None]) -> dict[str, Origin]:
    """Origins of tensors that are stored whole, by a rule for their names.

    Raises:
        KeyError: the rule knows no name for a tensor.
    """
    found: dict[str, Origin] = {}
    for name in names:
        target = rule(name)
        if target is None:
            raise KeyError(name)
        found[name] = Origin(target)
    return found
