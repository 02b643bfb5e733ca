from __future__ import annotations

import io

import pytest
from PIL import Image

from webui.core.enlarging import Enlarging
from webui.core.errors import InvalidRequest
from webui.core.validation import Names
from webui.services.extras import check_upscaler, enlarge, png_with


@pytest.fixture
def halves():
    """Left red, right blue."""
    image = Image.new("RGB", (20, 10), "red")
    image.paste("blue", (10, 0, 20, 10))
    return image


def test_by_a_factor(halves):
    larger = enlarge(halves, Enlarging(factor=2.5, first="Nearest"))
    assert larger.size == (50, 25)
    assert larger.getpixel((24, 0)) == (255, 0, 0)
    assert larger.getpixel((25, 0)) == (0, 0, 255)


def test_to_a_size_the_middle_is_kept(halves):
    wish = Enlarging("size", width=30, height=30, first="Nearest")
    larger = enlarge(halves, wish)
    assert larger.size == (30, 30)
    assert [larger.getpixel((x, 15))[0] for x in (0, 14, 15, 29)] == [255, 255, 0, 0]
    whole = enlarge(halves, Enlarging("size", width=30, height=30, crop=False, first="Nearest"))
    assert whole.size == (60, 30)


def test_two_upscalers_are_blended(halves):
    soft, hard = (enlarge(halves, Enlarging(first=name)) for name in ("Lanczos", "Nearest"))
    wish = Enlarging(first="Lanczos", second="Nearest", visibility=0.5)
    assert enlarge(halves, wish).tobytes() == Image.blend(soft, hard, 0.5).tobytes()
    assert soft.tobytes() != hard.tobytes()


def test_without_an_upscaler_the_picture_stays(halves):
    assert enlarge(halves, Enlarging(factor=4)) is halves


def test_alpha_stays(halves):
    halves.putalpha(100)
    assert enlarge(halves, Enlarging(first="Lanczos")).getpixel((0, 0))[3] == 100


def test_what_would_be_too_large_is_refused(halves):
    for wish in (
        Enlarging(factor=8, first="Nearest"),
        Enlarging("size", width=16, height=16_000, first="Nearest"),
    ):
        with pytest.raises(InvalidRequest):
            enlarge(halves.resize((4000, 10)), wish)
    with pytest.raises(InvalidRequest):
        check_upscaler("ESRGAN", "upscaler_1", Names())


def test_the_file_says_what_it_was_and_what_was_done():
    data = png_with(Image.new("RGB", (4, 4)), "a cat", Enlarging(first="Lanczos"))
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["parameters"] == "a cat"
        assert image.info["postprocessing"].startswith("Postprocess upscale by: 2")
