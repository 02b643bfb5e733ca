"""Colour correction: what was drawn gets the colours of the picture that it began with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from webui.engine.latents import Pixels

Floats = npt.NDArray[np.float32]

TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
     [0.0193339, 0.1191920, 0.9503041]],
    np.float32,
)  # fmt: skip
"""Linear sRGB to XYZ. IEC 61966-2-1, D65."""

WHITE = TO_XYZ.sum(axis=1)
KNEE = 6 / 29
LUMA = np.array([0.3, 0.59, 0.11], np.float32)
"""Of "Compositing and Blending Level 1" (W3C), section 10.2."""

LEVELS = 256
SCALE = np.array([255 / 100, 1, 1], np.float32)
SHIFT = np.array([0, 128, 128], np.float32)
"""Lab in bytes: lightness over the whole range, colours around the middle."""


def color_corrected(picture: Pixels, model: Pixels) -> Pixels:
    """The picture with the colours of `model`, and its own light; (H, W, 3) in 0 … 255 each.

    Histograms are matched in CIE Lab, byte for byte (Gonzalez and Woods, "Digital image
    processing", section 3.3), as users of stable-diffusion-webui know it.
    """
    lab, wanted = lab_of(picture), lab_of(model)
    matched = np.stack(
        [matched_histogram(lab[..., part], wanted[..., part]) for part in range(3)], axis=-1
    )
    blended = with_light_of(rgb_of(matched), _unit(picture))
    return np.rint(blended * 255).astype(np.uint8)


def _unit(picture: Pixels) -> Floats:
    """Bytes to 0 … 1."""
    return picture.astype(np.float32) / np.float32(255)


def matched_histogram(values: Pixels, wanted: Pixels) -> Floats:
    """Values mapped so that they are spread as `wanted` is; bytes of any shape, to float32."""
    have = _shares(values)
    want = _shares(wanted)
    there = np.flatnonzero(np.diff(want, prepend=0))
    table = np.interp(have, want[there], there).astype(np.float32)
    mapped: Floats = table[values]
    return mapped


def _shares(values: Pixels) -> npt.NDArray[np.float64]:
    """How much of all is at most 0, 1, … 255."""
    shares: npt.NDArray[np.float64] = np.bincount(values.ravel(), minlength=LEVELS).cumsum()
    return shares / values.size


def lab_of(picture: Pixels) -> Pixels:
    """From sRGB to CIE 1976 L*a*b*, both (H, W, 3) in bytes."""
    seen = _unit(picture)
    linear = np.where(seen <= 0.04045, seen / 12.92, ((seen + 0.055) / 1.055) ** 2.4)
    ratio = linear @ TO_XYZ.T / WHITE
    x, y, z = np.moveaxis(
        np.where(ratio > KNEE**3, np.cbrt(ratio), ratio / (3 * KNEE**2) + 4 / 29), -1, 0
    )
    lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
    rounded: Pixels = np.clip(np.rint(lab * SCALE + SHIFT), 0, 255).astype(np.uint8)
    return rounded


def rgb_of(lab: Floats) -> Floats:
    """The reverse, from bytes or between them, to sRGB in 0 … 1; what no screen shows is cut."""
    light, red, yellow = np.moveaxis((lab - SHIFT) / SCALE, -1, 0)
    y = (light + 16) / 116
    root = np.stack([y + red / 500, y, y - yellow / 200], axis=-1)
    ratio = np.where(root > KNEE, root**3, 3 * KNEE**2 * (root - 4 / 29))
    linear = np.clip(ratio * WHITE @ np.linalg.inv(TO_XYZ).T, 0, 1)
    seen = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    cut: Floats = np.clip(seen, 0, 1).astype(np.float32)
    return cut


def with_light_of(colors: Floats, light: Floats) -> Floats:
    """The blend mode "luminosity": colours of one, light of the other; (H, W, 3) in 0 … 1.

    "Compositing and Blending Level 1" (W3C), section 10.2: SetLum and ClipColor.
    """
    luma = (light @ LUMA)[..., None]
    moved = colors + (luma - (colors @ LUMA)[..., None])
    low, high = moved.min(axis=-1, keepdims=True), moved.max(axis=-1, keepdims=True)
    tiny = np.float32(1e-6)
    moved = np.where(low < 0, luma + (moved - luma) * luma / np.maximum(luma - low, tiny), moved)
    over = luma + (moved - luma) * (1 - luma) / np.maximum(high - luma, tiny)
    return np.clip(np.where(high > 1, over, moved), 0, 1).astype(np.float32)
