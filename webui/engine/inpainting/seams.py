"""How well a painted part joins the rest, as a number."""

from __future__ import annotations

import numpy as np

from webui.engine.inpainting.masks import SOLID, Mask
from webui.engine.latents import Pixels


def seam(picture: Pixels, mask: Mask) -> float:
    """How much harder a picture, (H, W, 3), changes across the mask's edge than within the mask.

    The mean difference of neighbouring pixels of which one is painted and the other kept, in
    units of that of neighbours which are both painted: 1 is a seam that cannot be seen.

    Raises:
        ValueError: the mask has no edge or no inside.
    """
    inside = mask > SOLID
    across: list[float] = []
    within: list[float] = []
    for axis in (0, 1):
        differences = np.abs(np.diff(picture.astype(np.float64), axis=axis)).mean(axis=2)
        edge = np.diff(inside.astype(np.int8), axis=axis) != 0
        first = inside[:-1] if axis == 0 else inside[:, :-1]
        across += differences[edge].tolist()
        within += differences[first & ~edge].tolist()
    if not across or not within:
        raise ValueError("a seam needs a mask with an edge and an inside")
    return float(np.mean(across)) / max(float(np.mean(within)), 1e-9)
