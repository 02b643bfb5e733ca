"""Pixels of any form as plain ones: upright, eight bits, sRGB, in L, RGB or RGBA.

16-bit values lose their lower byte. A palette is looked up, a key colour becomes alpha, an alpha
channel that is opaque everywhere is dropped. Colours with a profile are brought to sRGB; a broken
profile is ignored, and so is a grey one: values of masks mean what they are.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import MappingProxyType

from PIL import Image, ImageCms

from webui.services.unreadable import UNREADABLE

ORIENTATION = 0x0112
_TURNS: Mapping[int, Image.Transpose] = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
_SPACES = MappingProxyType({"RGB": ("RGB", "RGBA"), "CMYK": ("CMYK",), "Lab": ("LAB",)})
"""Modes whose values a profile of this colour space can speak about."""


def plain(image: Image.Image) -> Image.Image:
    """The picture in L, RGB or RGBA and without metadata; `image` is decoded.

    Raises:
        ValueError: its mode cannot be converted.
    """
    profile = image.info.get("icc_profile")
    image = _upright(image)
    image = _flat(_eight_bits(image))
    image = _srgb(image, profile)
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGB")
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    image.info = {}
    return image


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF orientation says (Exif 2.32, 4.6.4 A)."""
    try:
        orientation = image.getexif().get(ORIENTATION)
    except UNREADABLE:
        return image
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    if turn is None:
        return image
    turned = image.transpose(turn)
    turned.info = image.info
    return turned


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey values of more than eight bits in 0..255; what their largest value is, is guessed.

    Whole numbers have 16 bits when they fit and 32 else, fractions go up to 1, 255 or 65535.
    """
    if image.mode.startswith("I"):
        wide = image.convert("I")
        _, high = _extremes(wide)
        factor = 1 / 256 if high < 2**16 else 1 / 2**23
        return wide.point(lambda value: value * factor).convert("L")
    if image.mode == "F":
        _, high = _extremes(image)
        factor = next((255 / top for top in (1, 255, 65_535) if high <= top), 255 / 65_535)
        return image.point(lambda value: value * factor + 0.5).convert("L")
    return image


def _extremes(image: Image.Image) -> tuple[float, float]:
    low, high = image.getextrema()
    assert isinstance(low, (int, float))  # of one channel
    assert isinstance(high, (int, float))
    return low, high


def _flat(image: Image.Image) -> Image.Image:
    """Without a palette, premultiplied or additional channels."""
    if image.mode in ("La", "PA", "LA"):
        return image.convert("LA" if image.mode == "La" else "RGBA").convert("RGBA")
    if image.mode == "RGBa" or image.has_transparency_data:
        return image.convert("RGBA")
    goals = {"1": "L", "P": "RGB", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB"}
    return image.convert(goals[image.mode]) if image.mode in goals else image


def _srgb(image: Image.Image, profile: object) -> Image.Image:
    """In the colours of sRGB, as far as the profile is sound and speaks about these channels."""
    if image.mode == "LAB":
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    elif not isinstance(profile, bytes) or not profile:
        return image
    else:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if ImageCms.getProfileDescription(source).startswith("sRGB"):
                return image
            space = source.profile.xcolor_space.strip()
        except (*UNREADABLE, ImageCms.PyCMSError):
            return image
        if image.mode not in _SPACES.get(space, ()):
            return image
    goal = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode=goal,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (*UNREADABLE, ImageCms.PyCMSError):
        return image
    return converted or image
