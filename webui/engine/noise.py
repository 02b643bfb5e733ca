"""Noise per picture from its own generator, so that a batch equals its single pictures.

Source "NV" is the generator of NVIDIA cards, Philox4x32-10 (Salmon et al. 2011, "Parallel
random numbers: as easy as 1, 2, 3") with the Box-Muller transform as cuRAND computes it,
calculated on the CPU: the same on every device.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from webui.core.request import NoiseSource

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
WORD = 0xFFFFFFFF
TO_UNIT = 2.0**-32
TO_CIRCLE = float(np.float32(2.0**-32) * np.float32(2 * np.pi))

Words = npt.NDArray[np.uint64]


def philox_normal(seed: int, offset: int, shape: Sequence[int]) -> npt.NDArray[np.float32]:
    """Standard normal numbers as a CUDA generator of this seed draws them.

    `offset` counts the draws already made with this seed. Element i of the row-major result
    depends on (seed, offset, i) alone.
    """
    count = int(np.prod(shape, dtype=np.int64))
    words = _philox(seed, offset, count)
    uniform = words[0] * TO_UNIT + TO_UNIT / 2
    angle = words[1] * TO_CIRCLE + TO_CIRCLE / 2
    normal: npt.NDArray[np.float64] = np.sqrt(-2.0 * np.log(uniform)) * np.sin(angle)
    return normal.astype(np.float32).reshape(tuple(shape))


def _philox(seed: int, offset: int, count: int) -> tuple[Words, Words]:
    """The first two output words of the counters (offset, 0, i, 0), i = 0 … count - 1."""
    word = np.uint64(WORD)
    half = np.uint64(32)
    c0 = np.full(count, offset & WORD, np.uint64)
    c1 = np.full(count, (offset >> 32) & WORD, np.uint64)
    c2 = np.arange(count, dtype=np.uint64)
    c3 = np.zeros(count, np.uint64)
    keys = [seed & WORD, (seed >> 32) & WORD]
    for _ in range(ROUNDS):
        left = c0 * np.uint64(MULTIPLIERS[0])
        right = c2 * np.uint64(MULTIPLIERS[1])
        c0 = (right >> half) ^ c1 ^ np.uint64(keys[0])
        c2 = (left >> half) ^ c3 ^ np.uint64(keys[1])
        c1, c3 = right & word, left & word
        keys = [(key + step) & WORD for key, step in zip(keys, KEY_STEPS, strict=True)]
    return c0, c1


class SeededNoise:
    """One stream of noise per picture. Each call draws one latent from every stream.

    The first call gives the noise that sampling starts from; samplers call it again for the
    noise that they add. `shape` is a single latent's (C, h, w).
    """

    def __init__(
        self,
        seeds: Sequence[int],
        shape: Sequence[int],
        source: NoiseSource,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.seeds = tuple(seeds)
        self.shape = tuple(shape)
        self.device = device
        self.dtype = dtype
        self.draws = 0
        self._generators: list[torch.Generator] = []
        if source != "NV":
            place = device if source == "GPU" else torch.device("cpu")
            self._generators = [torch.Generator(place).manual_seed(seed) for seed in self.seeds]

    def __call__(self, sigma: Tensor | None = None, sigma_next: Tensor | None = None) -> Tensor:
        """Fresh noise, (B, C, h, w). Drawn in float32, whatever format it is used in.

        The noise levels between which it will be added make no difference to this source.
        """
        if self._generators:
            drawn = [
                torch.randn(self.shape, generator=generator, device=generator.device)
                for generator in self._generators
            ]
        else:
            drawn = [
                torch.from_numpy(philox_normal(seed, self.draws, self.shape)) for seed in self.seeds
            ]
        self.draws += 1
        stacked = torch.stack(drawn)
        if self.device.type == "cuda" and not stacked.is_cuda:
            # From pinned memory the copy does not make the program wait for the GPU.
            stacked = stacked.pin_memory()
        return stacked.to(self.device, self.dtype, non_blocking=True)
