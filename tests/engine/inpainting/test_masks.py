"""Masks: what they are read from, how they are blurred, and what lies under them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from webui.engine.inpainting.areas import Box, brought_back, painted_box, shown_area
from webui.engine.inpainting.fill import CONTINUED, continued, filled, smoothed
from webui.engine.inpainting.gauss import kernel
from webui.engine.inpainting.masks import (
    Mask,
    blurred,
    brought_to,
    composited,
    inverted,
    latent_mask,
    mask_of,
    overlay_mask,
)
from webui.engine.latents import Pixels
from webui.engine.start_picture import resizing

RANDOM = np.random.default_rng(7)


def spot(box: Box, size: tuple[int, int] = (90, 70), value: int = 255) -> Mask:
    mask = np.zeros(size[::-1], np.uint8)
    mask[box.rows, box.columns] = value
    return mask


def noise(width: int, height: int) -> Pixels:
    return RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_layer_is_read_by_what_it_covers_and_other_pictures_by_lightness() -> None:
    grey = np.array([[0, 100, 128, 129, 255]], np.uint8)
    layer = np.dstack([np.full_like(grey, 200)] * 3 + [grey])
    cover = Image.fromarray(layer, "RGBA")
    assert mask_of(cover, rounded=True).tolist() == [[0, 0, 0, 255, 255]]
    assert mask_of(cover, rounded=False).tolist() == grey.tolist()
    opaque = Image.fromarray(np.dstack([grey] * 3 + [np.full_like(grey, 255)]), "RGBA")
    for image in (opaque, opaque.convert("RGB"), Image.fromarray(grey)):
        assert mask_of(image, rounded=True).tolist() == grey.tolist()
    assert inverted(grey).tolist() == [[255, 155, 127, 126, 0]]


@pytest.mark.parametrize(("across", "down"), [(4, 4), (0, 7), (11, 1), (64, 64)])
@pytest.mark.parametrize("box", [Box(20, 30, 50, 45), Box(0, 0, 7, 70), Box(80, 10, 90, 12)])
def test_blur_is_the_gaussian_that_users_know(across: int, down: int, box: Box) -> None:
    mask = spot(box) | spot(Box(60, 40, 62, 44), value=77)
    theirs = mask.astype(float)
    for axis, sigma in ((1, across), (0, down)):
        if sigma:
            radius = int(2.5 * sigma + 0.5)
            assert len(kernel(sigma)) == 2 * radius + 1
            theirs = ndimage.gaussian_filter1d(theirs, sigma, axis, mode="mirror", radius=radius)
    ours = blurred(mask, across, down)
    assert np.abs(ours - theirs).max() <= 0.51
    assert np.array_equal(blurred(mask, 0, 0), mask)
    assert not blurred(np.zeros_like(mask), 4, 4).any()


def test_a_mask_of_another_size_is_brought_to_the_picture() -> None:
    mask = spot(Box(20, 30, 50, 45))
    larger = brought_to(mask, (180, 210))
    assert larger.shape == (210, 180)
    box = painted_box(larger)
    assert box is not None
    assert np.abs(np.subtract(box, (40, 90, 100, 135))).max() <= 3
    assert brought_to(mask, (90, 70)) is mask


def test_the_latent_mask_is_what_pillow_makes_of_it() -> None:
    mask = blurred(spot(Box(20, 30, 50, 45), (96, 64)), 4, 4)
    theirs = np.asarray(Image.fromarray(mask).convert("RGB").resize((12, 8)))[..., 0] / 255
    soft, hard = (latent_mask(mask, (12, 8), rounded=rounded) for rounded in (False, True))
    assert soft.shape == (1, 1, 8, 12)
    assert torch.allclose(soft[0, 0], torch.from_numpy(theirs).float())
    assert torch.equal(hard[0, 0], torch.from_numpy(np.around(theirs)).float())
    assert 0 < float(hard.mean()) < 1


def test_pictures_are_laid_over_each_other_bit_by_bit() -> None:
    below, above = noise(90, 70), noise(90, 70)
    mask = blurred(spot(Box(20, 30, 50, 45)), 3, 3)
    mixed = composited(below, above, mask)
    share = mask[..., None] / 255
    assert np.abs(mixed - (below * (1 - share) + above * share)).max() <= 0.51
    assert np.array_equal(mixed[mask == 0], below[mask == 0])
    assert np.array_equal(mixed[mask == 255], above[mask == 255])
    assert np.array_equal(composited(below, above, np.zeros_like(mask)), below)
    assert overlay_mask(np.array([[0, 1, 127, 128, 255]], np.uint8)).tolist() == [
        [0, 2, 254, 255, 255]
    ]


@pytest.mark.parametrize(
    ("box", "padding", "drawn", "area"),
    [
        (Box(100, 100, 140, 120), 0, (512, 512), Box(100, 90, 140, 130)),
        (Box(100, 100, 140, 120), 32, (512, 512), Box(68, 58, 172, 162)),
        (Box(0, 0, 40, 20), 8, (512, 512), Box(0, 0, 48, 48)),
        (Box(360, 280, 400, 300), 0, (512, 512), Box(360, 260, 400, 300)),
        (Box(10, 10, 30, 290), 0, (1024, 256), Box(0, 10, 400, 290)),
        (Box(0, 0, 400, 300), 32, (64, 128), Box(0, 0, 400, 300)),
        (Box(7, 7, 8, 8), 0, (512, 256), Box(7, 7, 9, 8)),
    ],
)
def test_the_shown_area_has_the_drawn_proportions(
    box: Box, padding: int, drawn: tuple[int, int], area: Box
) -> None:
    assert shown_area(box, padding, (400, 300), drawn) == area


@pytest.mark.parametrize("size", [(48, 48), (96, 40), (10, 200), (1, 64)])
def test_an_area_comes_back_from_the_drawn_size(size: tuple[int, int]) -> None:
    part = np.asarray(Image.fromarray(noise(4, 4)).resize(size, Image.Resampling.BICUBIC))
    large = resizing.filled(part, (256, 256))
    assert large.shape == (256, 256, 3)
    back = brought_back(large, size)
    assert back.shape == part.shape
    assert np.abs(back.astype(int) - part).mean() < 3


def test_fill_takes_its_colours_from_what_is_kept_and_nearby() -> None:
    picture = np.full((96, 96, 3), (200, 40, 40), np.uint8)
    picture[:, 48:] = (40, 40, 200)
    mask = spot(Box(20, 20, 76, 76), (96, 96))
    picture[mask > 0] = (0, 255, 0)
    result = filled(picture, mask)
    assert np.array_equal(result[mask == 0], picture[mask == 0])
    inside = result[mask > 0]
    assert int(inside[:, 1].max()) < 60
    left, right = result[48, 22].astype(int), result[48, 74].astype(int)
    assert left[0] - left[2] > 100
    assert right[2] - right[0] > 100
    whole = np.full_like(mask, 255)
    assert np.ptp(filled(picture, whole).reshape(-1, 3), axis=0).max() == 0


@pytest.mark.parametrize("width", [2, 16, 64])
def test_smoothing_is_nearly_gaussian(width: int) -> None:
    layer = spot(Box(230, 250, 420, 350), (640, 608)).astype(np.float32)[..., None]
    theirs = ndimage.gaussian_filter(layer[..., 0], width, mode="nearest")
    assert np.abs(smoothed(layer, width)[..., 0] - theirs).max() < 6


def test_a_grown_picture_goes_on_beyond_its_edges() -> None:
    picture = np.full((64, 64, 3), (200, 40, 40), np.uint8)
    picture[32:] = (40, 40, 200)
    grown = continued(picture, (40, 0, 80, 8))
    assert grown.shape == (72, 184, 3)
    assert np.array_equal(grown[:64, 40:104], picture)
    assert grown[5, 104].tolist() == [200, 40, 40]
    assert grown[70, 60, 2] > 150
    # No stripes far away: the colours run together.
    far = grown[:, 104 + CONTINUED :].astype(int)
    assert np.abs(np.diff(far, axis=0)).max() < 40
