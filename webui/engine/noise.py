"""Noise per picture from its own generator, so that a batch equals its single pictures.

Source "NV" is the generator of NVIDIA cards, Philox4x32-10 (Salmon et al. 2011, "Parallel
random numbers: as easy as 1, 2, 3") with the Box-Muller transform as cuRAND computes it,
calculated on the CPU: the same on every device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

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

ALIKE, FLAT = 0.9995, 1e-6

Words = npt.NDArray[np.uint64]
Shape = tuple[int, ...]
Stream = Callable[[Shape], Tensor]


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


@dataclass(frozen=True)
class Variation:
    """How first noise differs from what the pictures' own seeds draw.

    seeds, strength: per picture, noise that is mixed in, and its share. drawn_at: the (C, h, w)
    that both are drawn at, to be laid centred into noise of the picture's shape ("seed resize");
    None for the picture's own.
    """

    seeds: tuple[int, ...]
    strength: float
    drawn_at: Shape | None = None


class SeededNoise:
    """One stream of noise per picture. Each call draws one latent from every stream.

    The first call gives the noise that sampling starts from; samplers call it again for the
    noise that they add. `shape` is a single latent's (C, h, w). `ensd`, the "eta noise seed
    delta", is added to all seeds after the first call, unless 0.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        shape: Sequence[int],
        source: NoiseSource,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        *,
        variation: Variation | None = None,
        ensd: int = 0,
    ) -> None:
        self.seeds = tuple(seeds)
        self.shape = tuple(shape)
        self.device = device
        self.dtype = dtype
        self._source: NoiseSource = source
        self._variation = variation
        self._ensd = ensd
        self._streams = self._streams_of(self.seeds)
        self._begun = False

    def __call__(self, sigma: Tensor | None = None, sigma_next: Tensor | None = None) -> Tensor:
        """Fresh noise, (B, C, h, w). Drawn in float32, whatever format it is used in.

        The noise levels between which it will be added make no difference to this source.
        """
        if self._begun:
            drawn = [stream(self.shape) for stream in self._streams]
        else:
            drawn = [self._first(index, stream) for index, stream in enumerate(self._streams)]
            self._begun = True
            if self._ensd:
                self._streams = self._streams_of([seed + self._ensd for seed in self.seeds])
        stacked = torch.stack(drawn)
        if self.device.type == "cuda" and not stacked.is_cuda:
            # From pinned memory the copy does not make the program wait for the GPU.
            stacked = stacked.pin_memory()
        return stacked.to(self.device, self.dtype, non_blocking=True)

    def _first(self, index: int, stream: Stream) -> Tensor:
        """The noise that picture `index` of the batch starts from, its own or varied."""
        variation = self._variation
        if variation is None:
            return stream(self.shape)
        at = variation.drawn_at or self.shape
        resized = at != self.shape
        base = self._stream(self.seeds[index])(at) if resized else stream(at)
        if variation.strength:
            other = self._stream(variation.seeds[index])(at)
            base = spherical_mix(base, other, variation.strength)
        return laid_centred(base, stream(self.shape)) if resized else base

    def _streams_of(self, seeds: Sequence[int]) -> list[Stream]:
        return [self._stream(seed) for seed in seeds]

    def _stream(self, seed: int) -> Stream:
        if self._source == "NV":
            return PhiloxStream(seed)
        place = self.device if self._source == "GPU" else torch.device("cpu")
        generator = torch.Generator(place).manual_seed(seed)
        return partial(torch.randn, generator=generator, device=place)


class PhiloxStream:
    """Draws of a CUDA generator, one after the other, on the CPU."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._draws = 0

    def __call__(self, shape: Shape) -> Tensor:
        """The next draw of this shape, float32."""
        drawn = torch.from_numpy(philox_normal(self._seed, self._draws, shape))
        self._draws += 1
        return drawn


def spherical_mix(base: Tensor, other: Tensor, share: float) -> Tensor:
    """`share` of the way along the arc from one noise to the other; both (C, h, w).

    Shoemake 1985, "Animating rotation with quaternion curves". Measured over the height of
    a latent, and between noises that are nearly alike mixed on the line, with the shares swapped:
    as stable-diffusion-webui does, whose variations users know by their numbers.
    """
    parallel = (base / base.norm(dim=1, keepdim=True)) * (other / other.norm(dim=1, keepdim=True))
    cosine = parallel.sum(dim=1, keepdim=True)
    if float(cosine.mean()) > ALIKE:
        return base * share + other * (1 - share)
    angle = cosine.clamp(-1, 1).acos()
    whole = angle.sin()
    left: Tensor = (angle * (1 - share)).sin() / whole
    right: Tensor = (angle * share).sin() / whole
    # Columns on one line, such as those of a single cell, have no arc between them.
    return torch.where(whole > FLAT, left * base + right * other, base.lerp(other, share))


def laid_centred(noise: Tensor, ground: Tensor) -> Tensor:
    """`ground` (C, h, w) with `noise` (C, h', w') over its middle, cropped where it is larger."""
    result = ground.clone()
    into, out = [], []
    for have, room in zip(noise.shape[1:], ground.shape[1:], strict=True):
        edge = (room - have) // 2
        size = have + min(2 * edge, 0)
        into.append(slice(max(edge, 0), max(edge, 0) + size))
        out.append(slice(max(-edge, 0), max(-edge, 0) + size))
    result[:, into[0], into[1]] = noise[:, out[0], out[1]]
    return result
