"""Files of every kind as plain pixels."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from tests.hostile_pictures import animated, gradient, raw_png, saved, swapped_profile, text_bomb
from webui.services.inputs.child import content_id
from webui.services.inputs.decoding import read_picture
from webui.services.inputs.limits import InputLimits

LIMITS = InputLimits()


@pytest.fixture
def read(tmp_path):
    def reading(data: bytes) -> Image.Image:
        file = tmp_path / "upload"
        file.write_bytes(data)
        return read_picture(file, LIMITS)

    return reading


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "AVIF", "JPEG"])
def test_every_format_is_read(read, kind):
    plain = Image.new("RGB", (16, 8), (200, 100, 50))
    image = read(saved(plain, kind))
    assert (image.mode, image.size, image.info) == ("RGB", (16, 8), {})
    assert all(abs(a - b) < 4 for a, b in zip(image.getpixel((3, 3)), (200, 100, 50), strict=True))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_the_orientation_is_applied_once_and_metadata_is_dropped(read, kind):
    lossless = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}
    for orientation in (3, 6, 8) if kind == "PNG" else (6,):
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = saved(gradient(), kind, exif=exif, **lossless.get(kind, {}))
        turn = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_270}
        wanted = gradient().transpose(turn.get(orientation, Image.Transpose.ROTATE_90))
        image = read(data)
        assert (image.size, image.info) == (wanted.size, {})
        assert np.abs(np.int_(image) - np.int_(wanted)).max() < 10


def keyed() -> Image.Image:
    """A palette in which one entry is clear."""
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    image.info["transparency"] = 1
    return image


def deep(mode: str, *values: float) -> Image.Image:
    image = Image.new(mode, (len(values), 1))
    for x, value in enumerate(values):
        image.putpixel((x, 0), value)
    return image


MODES = {
    "palette": (saved(keyed(), "PNG"), "RGBA", (10, 20, 30, 255), (40, 50, 60, 0)),
    "palette of a GIF": (saved(keyed(), "GIF"), "RGBA", (10, 20, 30, 255), (40, 50, 60, 0)),
    "grey, alpha": (saved(deep("LA", (9, 8), (7, 6)), "PNG"), "RGBA", (9, 9, 9, 8), (7, 7, 7, 6)),
    "opaque alpha": (saved(deep("LA", (9, 255), (7, 255)), "PNG"), "RGB", (9, 9, 9), (7, 7, 7)),
    "one bit": (saved(deep("1", 0, 1), "PNG"), "L", 0, 255),
    "16-bit grey": (saved(deep("I;16", 0xFFFF, 0x1234), "PNG"), "L", 255, 0x12),
    "16-bit grey TIFF": (saved(deep("I;16", 0xFFFF, 0x1234), "TIFF"), "L", 255, 0x12),
    "16-bit colour": (
        raw_png((2, 1), 16, 2, b"\0" + struct.pack(">6H", *(0x1000 * n for n in range(6)))),
        "RGB", (0, 0x10, 0x20), (0x30, 0x40, 0x50),
    ),
    "32-bit grey": (saved(deep("I", 2**31 - 1, 2**30), "TIFF"), "L", 255, 128),
    "fractions": (saved(deep("F", 1.0, 0.5), "TIFF"), "L", 255, 128),
    "CMYK": (saved(deep("CMYK", (0, 255, 255, 0), (0, 0, 0, 255)), "TIFF"), "RGB",
             (255, 0, 0), (0, 0, 0)),
    "animated GIF": (animated("GIF"), "RGB", (255, 0, 0), (255, 0, 0)),
    "animated PNG": (animated("PNG"), "RGB", (255, 0, 0), (255, 0, 0)),
    "animated WebP": (animated("WEBP"), "RGB", (255, 0, 0), (255, 0, 0)),
    "many pages": (animated("TIFF", 300), "RGB", (255, 0, 0), (255, 0, 0)),
    "texts without end": (text_bomb(), "RGB", (1, 2, 3), (4, 5, 6)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODES)
def test_every_mode_becomes_plain(read, name):
    data, mode, *pixels = MODES[name]
    image = read(data)
    assert image.mode == mode
    assert [image.getpixel((x, 0)) for x in (0, 1)] == pixels


def test_colours_with_a_profile_become_srgb_and_a_broken_one_is_ignored(read):
    colours = deep("RGB", (255, 0, 0), (0, 0, 255))
    swapped = read(saved(colours, "PNG", icc_profile=swapped_profile()))
    expected = [[[0, 0, 255], [255, 0, 0]]]
    assert np.abs(np.int_(swapped) - expected).max() < 40
    for profile in (b"no profile", swapped_profile()[:300]):
        assert read(saved(colours, "PNG", icc_profile=profile)).getpixel((0, 0)) == (255, 0, 0)
    alpha = deep("RGBA", (255, 0, 0, 9), (0, 0, 0, 200))
    image = read(saved(alpha, "WEBP", lossless=True, icc_profile=swapped_profile()))
    assert np.asarray(image)[..., 3].tolist() == [[9, 200]]
    mask = read(saved(deep("L", 7, 200), "PNG", icc_profile=swapped_profile()))
    assert np.asarray(mask).tolist() == [[7, 200]]


def test_the_name_follows_from_mode_size_and_pixels(read):
    whole = gradient((40, 600))
    assert content_id(read(saved(whole, "PNG"))) == content_id(read(saved(whole, "BMP")))
    grey = Image.new("L", (4, 2))
    others = [grey, grey.convert("RGB"), grey.transpose(Image.Transpose.ROTATE_90), whole]
    names = {content_id(image) for image in others}
    assert len(names) == 4
    assert all(len(name) == 64 for name in names)


def test_comments_without_end_do_not_keep_anybody_waiting(read):
    """In 8 MB of comments Pillow's own readers of JPEG and GIF take quadratic time."""
    jpeg, gif = saved(gradient(), "JPEG"), saved(gradient().quantize(), "GIF")
    notes = b"\xff\xfe\x00\x12" + b"x" * 16
    assert read(jpeg[:2] + notes * 20_000 + jpeg[2:]).size == (24, 16)
    pieces = b"!\xfe" + (b"\xff" + b"x" * 255) * 32_000 + b"\0"
    at = gif.index(b",", 13 + 3 * 2 ** ((gif[10] & 7) + 1))
    assert read(gif[:at] + pieces + gif[at:]).size == (24, 16)
    with Image.open(io.BytesIO(jpeg)) as plain:  # what was left out did not change the rest
        assert np.array_equal(read(jpeg), plain)
