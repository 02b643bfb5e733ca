"""Colour correction, against published values and by its properties."""

from __future__ import annotations

import numpy as np

from webui.engine.start_picture.color import (
    LUMA,
    color_corrected,
    lab_of,
    matched_histogram,
    rgb_of,
)

DRAW = np.random.default_rng(0)


def test_lab_of_known_colors() -> None:
    """L*, a*, b* of white, black and the primaries, as colour tables have them (D65)."""
    colors = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]]])
    lab = [(100, 0, 0), (0, 0, 0), (53.24, 80.09, 67.2), (87.73, -86.18, 83.18),
           (32.3, 79.19, -107.86)]  # fmt: skip
    wanted = [[round(row[0] * 2.55), round(row[1] + 128), round(row[2] + 128)] for row in lab]
    assert lab_of(colors.astype(np.uint8))[0].tolist() == wanted


def test_lab_and_back_is_nearly_the_same() -> None:
    pixels = DRAW.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    back = rgb_of(lab_of(pixels).astype(np.float32)) * 255
    assert np.abs(back - pixels).mean() < 2


def test_matched_values_are_spread_as_the_others() -> None:
    values = DRAW.integers(0, 100, (64, 64), dtype=np.uint8)
    wanted = DRAW.integers(50, 250, (80, 40), dtype=np.uint8)
    matched = matched_histogram(values, wanted)
    for share in (10, 50, 90):
        assert abs(np.percentile(matched, share) - np.percentile(wanted, share)) < 3
    order = np.argsort(values, axis=None, kind="stable")
    assert (np.diff(matched.ravel()[order]) >= 0).all()


def test_a_picture_keeps_its_light_and_takes_the_colors() -> None:
    drawn = DRAW.integers(60, 190, (48, 48, 3), dtype=np.uint8)
    model = np.stack(
        [DRAW.integers(low, low + 60, (30, 50), dtype=np.uint8) for low in (140, 90, 60)], axis=-1
    )
    result = color_corrected(drawn, model)
    assert result.dtype == np.uint8
    light = result.astype(float) @ LUMA - drawn.astype(float) @ LUMA
    assert np.abs(light).max() < 2
    tint = result.astype(float) @ (1, 0, -1)
    assert abs(tint.mean() - (model.astype(float) @ (1, 0, -1)).mean()) < 12
    assert abs((drawn.astype(float) @ (1, 0, -1)).mean()) < 12


def test_equal_pictures_stay_as_they_are() -> None:
    drawn = DRAW.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert np.abs(color_corrected(drawn, drawn).astype(int) - drawn).mean() < 2
    grey = np.full((4, 4, 3), 90, np.uint8)
    assert np.abs(color_corrected(grey, drawn).astype(float) @ LUMA - 90).max() < 2
