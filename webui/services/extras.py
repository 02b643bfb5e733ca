"""Finished pictures made larger, outside of any generation."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from webui.core.errors import InvalidRequest, Message
from webui.core.infotext import legible
from webui.core.validation import shorten
from webui.services.picture_files import COMPRESSION, PARAMETERS_CHUNK

NONE = "None"
RESAMPLING: Mapping[str, Image.Resampling] = MappingProxyType(
    {"Lanczos": Image.Resampling.LANCZOS, "Nearest": Image.Resampling.NEAREST}
)
"""The upscalers that need no model."""

UPSCALERS = (NONE, *RESAMPLING)
LARGEST_SIDE = 16_384
LARGEST_FACTOR = 8.0
MEGAPIXEL = 2**20
MOST_PIXELS = 64 * MEGAPIXEL


@dataclass(frozen=True)
class Enlarging:
    """What is to be done with a picture.

    `mode`: by `factor`, or until it covers `width` x `height`, of which `crop` keeps the middle.
    `second` is blended over `first` with the share `visibility`. Sizes are in pixels.
    """

    mode: Literal["factor", "size"] = "factor"
    factor: float = 2.0
    width: int = 512
    height: int = 512
    crop: bool = True
    first: str = NONE
    second: str = NONE
    visibility: float = 0.0


def check_upscaler(name: str, field: str) -> str:
    """The upscaler's name as it is offered.

    Raises:
        InvalidRequest: there is none of that name.
    """
    found = next((known for known in UPSCALERS if known.casefold() == name.casefold()), None)
    if found is None:
        values = {"got": shorten(name), "choices": ", ".join(UPSCALERS)}
        raise InvalidRequest(Message("error.choice", values, field))
    return found


def enlarged_size(size: tuple[int, int], wish: Enlarging) -> tuple[int, int]:
    """(width, height) in pixels before anything is cut off.

    Raises:
        InvalidRequest: it would be too large.
    """
    width, height = size
    factor = wish.factor
    if wish.mode == "size":
        factor = max(wish.width / width, wish.height / height)
    wide, high = max(1, round(width * factor)), max(1, round(height * factor))
    if max(wide, high) > LARGEST_SIDE or wide * high > MOST_PIXELS:
        values = {"got": f"{wide}x{high}", "side": LARGEST_SIDE, "high": MOST_PIXELS // MEGAPIXEL}
        field = "upscaling_resize_w" if wish.mode == "size" else "upscaling_resize"
        raise InvalidRequest(Message("error.extras_size", values, field))
    return wide, high


def enlarge(image: Image.Image, wish: Enlarging) -> Image.Image:
    """The picture, larger. Without a first upscaler it stays as it is, as users know it.

    Raises:
        InvalidRequest: it would be too large.
    """
    if wish.first == NONE:
        return image
    target = enlarged_size(image.size, wish)
    result = image.resize(target, RESAMPLING[wish.first])
    if wish.second != NONE and wish.visibility > 0:
        other = image.resize(target, RESAMPLING[wish.second])
        result = Image.blend(result, other, wish.visibility)
    return _middle(result, wish) if wish.mode == "size" and wish.crop else result


def _middle(image: Image.Image, wish: Enlarging) -> Image.Image:
    left, top = (image.width - wish.width) // 2, (image.height - wish.height) // 2
    return image.crop((left, top, left + wish.width, top + wish.height))


def png_with(image: Image.Image, infotext: str, wish: Enlarging) -> bytes:
    """The picture as PNG with its infotext, and what was done to it under `postprocessing`."""
    info = PngInfo()
    if infotext:
        info.add_text(PARAMETERS_CHUNK, legible(infotext))
    if wish.first != NONE:
        info.add_text("postprocessing", _about(wish))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info, compress_level=COMPRESSION)
    return buffer.getvalue()


def _about(wish: Enlarging) -> str:
    """Entries that users of stable-diffusion-webui know."""
    by = {"Postprocess upscale by": wish.factor}
    to = {"Postprocess upscale to": f"{wish.width}x{wish.height}"}
    entries: dict[str, object] = {**(to if wish.mode == "size" else by)}
    entries["Postprocess upscaler"] = wish.first
    if wish.second != NONE and wish.visibility > 0:
        entries["Postprocess upscaler 2"] = wish.second
        entries["Postprocess upscaler 2 visibility"] = wish.visibility
    return ", ".join(f"{key}: {value}" for key, value in entries.items())
