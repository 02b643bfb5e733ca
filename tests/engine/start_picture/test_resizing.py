"""Start pictures at the size that is drawn, against PIL."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from webui.core.errors import InkstoneError
from webui.engine.latents import Pixels
from webui.engine.start_picture.reading import flattened, picture
from webui.engine.start_picture.resizing import brought, cropped, filled

LANCZOS = Image.Resampling.LANCZOS
WIDE = np.random.default_rng(0).integers(0, 256, (48, 96, 3), dtype=np.uint8)
TALL = np.ascontiguousarray(WIDE.transpose(1, 0, 2))


def by_pil(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize(size, LANCZOS))


def near(ours: Pixels, theirs: Pixels) -> bool:
    return ours.shape == theirs.shape and int(np.abs(ours.astype(int) - theirs).max()) <= 1


def test_just_resize_stretches() -> None:
    assert np.array_equal(brought(WIDE, (64, 72), "Just resize"), by_pil(WIDE, (64, 72)))
    assert brought(WIDE, (96, 48), "Just resize") is WIDE


def test_crop_and_resize_keeps_the_middle() -> None:
    covering = by_pil(WIDE, (128, 64))
    assert near(brought(WIDE, (64, 64), "Crop and resize"), covering[:, 32:96])
    covering = by_pil(TALL, (64, 128))
    assert near(brought(TALL, (64, 64), "Crop and resize"), covering[32:96])
    same = WIDE[:, 24:72]
    assert np.array_equal(brought(WIDE, (48, 48), "Crop and resize"), same)


def test_resize_and_fill_stretches_the_edges() -> None:
    fitting = by_pil(WIDE, (64, 32))
    result = brought(WIDE, (64, 64), "Resize and fill")
    assert np.array_equal(result[16:48], fitting)
    assert np.array_equal(result[:16], np.repeat(fitting[:1], 16, axis=0))
    assert np.array_equal(result[48:], np.repeat(fitting[-1:], 16, axis=0))
    turned = brought(TALL, (64, 64), "Resize and fill")
    fitting = by_pil(TALL, (32, 64))
    assert np.array_equal(turned[:, 16:48], fitting)
    assert np.array_equal(turned[:, 48:], np.repeat(fitting[:, -1:], 16, axis=1))


@given(*[st.integers(1, 70) for _ in range(4)])
def test_any_size_comes_from_any_size(width: int, height: int, wide: int, high: int) -> None:
    pixels = np.full((height, width, 3), 7, np.uint8)
    for way in (cropped, filled):
        result = way(pixels, (wide, high))
        assert result.shape == (high, wide, 3)
        assert (result == 7).all()


def test_extreme_shapes_are_no_exception() -> None:
    line = np.zeros((5000, 1, 3), np.uint8)
    for mode in ("Just resize", "Crop and resize", "Resize and fill"):
        assert brought(line, (2048, 64), mode).shape == (64, 2048, 3)  # type: ignore[arg-type]


def test_the_background_shows_where_a_picture_is_transparent() -> None:
    clear = Image.new("RGBA", (2, 1), (10, 20, 30, 0))
    clear.putpixel((1, 0), (10, 20, 30, 255))
    assert flattened(clear, "#ff8000").tolist() == [[[255, 128, 0], [10, 20, 30]]]
    half = Image.new("LA", (1, 1), (0, 128))
    assert flattened(half, "#ffffff").tolist() == [[[127, 127, 127]]]
    assert flattened(Image.new("L", (1, 1), 9), "#ffffff").tolist() == [[[9, 9, 9]]]


@pytest.mark.parametrize("images", [{}, {"mask": b"<svg/>"}])
def test_what_is_no_picture_is_refused(images: dict[str, bytes]) -> None:
    with pytest.raises(InkstoneError) as caught:
        picture(images, "mask", "abc")
    message = caught.value.message
    assert (message.key, message.field) == ("error.start_picture_missing", "mask")
    assert message.values["id"] == "abc"


def test_a_picture_that_ends_early_is_refused() -> None:
    buffer = io.BytesIO()
    Image.fromarray(WIDE).save(buffer, format="PNG")
    with pytest.raises(InkstoneError):
        picture({"init_image": buffer.getvalue()[:-2000]}, "init_image", "abc")
