"""A Brownian path per picture: noise that stays the same whatever steps walk along it.

The tree of the torchsde library (Kidger et al. 2021; Levy's construction), calculated in the
same order from the same seeds, so that a seed gives the pictures that users of it know; its
normal numbers come from the request's noise source.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from webui.core.request import NoiseSource
from webui.engine.noise import philox_normal

DIGITS = 6
"""Levels are rounded to as many digits; the tree's leaves are as wide."""

POOL_SIZE = 24

Draw = Callable[[int], Tensor]


class BrownianPath:
    """One path W over [low, high] with W(low) = 0. `draw(seed)` gives unit-variance noise."""

    def __init__(self, low: float, high: float, seed: int, draw: Draw) -> None:
        self._low, self._high = round(low, DIGITS), round(high, DIGITS)
        self._seed = seed
        self._draw = draw
        start = np.random.SeedSequence(entropy=seed, pool_size=POOL_SIZE).generate_state(1)
        self._end = draw(int(start[0])) * math.sqrt(high - low)
        # A step begins where the last one ended, so two points are worth keeping.
        self._known: list[tuple[float, Tensor]] = []

    def increment(self, low: float, high: float) -> Tensor:
        """W(high) - W(low), float64; levels outside the path are held at its ends."""
        return self._at(high) - self._at(low)

    def _at(self, level: float) -> Tensor:
        place = min(max(round(level, DIGITS), self._low), self._high)
        for known, value in self._known:
            if known == place:
                return value
        value = self._walk(place)
        self._known = [*self._known[-1:], (place, value)]
        return value

    def _walk(self, place: float) -> Tensor:
        """Down the tree of halves, each split by a Brownian bridge, to W(place)."""
        if place == self._low:
            return torch.zeros_like(self._end)
        low, high, node, depth = self._low, self._high, 0, 0
        before, whole = torch.zeros_like(self._end), self._end
        while place != high:
            middle = round(0.5 * (high + low), DIGITS)
            left, right = middle - low, high - middle
            spread = math.sqrt(left * right / (high - low))
            half = whole * (left / (high - low)) + self._draw(self._seed_of(node, depth)) * spread
            if place <= middle:
                high, whole, node = middle, half, 2 * node
            else:
                before, whole = before + half, whole - half
                low, node = middle, 2 * node + 1
            depth += 1
        return before + whole

    def _seed_of(self, node: int, depth: int) -> int:
        sequence = np.random.SeedSequence(
            entropy=self._seed, spawn_key=(node, depth), pool_size=POOL_SIZE
        )
        return int(sequence.generate_state(1)[0])


class BrownianNoise:
    """Unit-variance noise between two levels: the paths' increments there, a path per seed.

    `shape` is a single latent's (C, h, w). `sigmas` is the row to be walked: its lowest level
    above 0 and its highest are the paths' ends.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        shape: Sequence[int],
        source: NoiseSource,
        device: torch.device,
        sigmas: Tensor,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.device = device
        self.dtype = dtype
        draw = draw_from(source, tuple(shape), device)
        low, high = float(sigmas[sigmas > 0].min()), float(sigmas.max())
        self._paths = [BrownianPath(low, high, seed, draw) for seed in seeds]

    def __call__(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        """(B, C, h, w). The levels must differ by 1e-6 at least; any order."""
        here, there = float(sigma), float(sigma_next)
        low, high = min(here, there), max(here, there)
        # Downwards the path is walked against its direction.
        scale = (1 if there > here else -1) / math.sqrt(high - low)
        stacked = torch.stack([path.increment(low, high) for path in self._paths]) * scale
        stacked = stacked.to(self.dtype)
        if self.device.type == "cuda" and not stacked.is_cuda:
            stacked = stacked.pin_memory()
        return stacked.to(self.device, non_blocking=True)


def draw_from(source: NoiseSource, shape: tuple[int, ...], device: torch.device) -> Draw:
    """A function from a seed to float64 noise of this shape, drawn in float32 by the source."""
    place = device if source == "GPU" else torch.device("cpu")

    def draw(seed: int) -> Tensor:
        if source == "NV":
            return torch.from_numpy(philox_normal(seed, 0, shape)).double()
        generator = torch.Generator(place).manual_seed(seed)
        return torch.randn(shape, generator=generator, device=place).double()

    return draw
