"""Gaussian blurs of a single channel, as fast for wide ones as for narrow ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Channel = npt.NDArray[np.float32]

REACH = 2.5
"""How far a blur reaches, in its standard deviations."""

AT_ONCE = 2**19
"""Numbers of a channel that are worked on together, so that a large one needs no copies."""


def kernel(blur: float) -> Channel:
    """Weights of a Gaussian of standard deviation `blur` in pixels: 2 * int(2.5 blur + 0.5) + 1."""
    radius = int(REACH * blur + 0.5)
    places = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (places / max(blur, 1e-6)) ** 2)
    normal: Channel = (weights / weights.sum()).astype(np.float32)
    return normal


def gaussian(channel: Channel, across: float, down: float) -> Channel:
    """(H, W) blurred over its width and its height; beyond its edges lies its mirror image."""
    return _along(_along(channel, kernel(across)).T, kernel(down)).T


def _along(channel: Channel, weights: Channel) -> Channel:
    """Each row folded with symmetrical weights, by way of its frequencies."""
    radius = len(weights) // 2
    height, width = channel.shape
    if not radius:
        return channel
    length = width + 2 * radius
    # Folding in a circle: what comes round the end falls into the margin, which is cut off.
    wave = np.fft.rfft(weights, length)
    result = np.empty((height, width), np.float32)
    rows = max(AT_ONCE // length, 1)
    for first in range(0, height, rows):
        part = np.ascontiguousarray(channel[first : first + rows])
        around = ((0, 0), (radius, radius))
        # A single column has no mirror image but itself.
        wide = np.pad(part, around, "reflect") if width > 1 else np.pad(part, around, "edge")
        folded = np.fft.irfft(np.fft.rfft(wide) * wave, length)
        result[first : first + rows] = folded[:, 2 * radius :]
    return result
