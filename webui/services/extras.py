"""Finished pictures made larger, outside of any generation.

What Pillow can do is done at once; what needs a model is a job like all others.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from webui.core.enlarging import (
    LARGEST_FACTOR,
    LARGEST_SIDE,
    Enlarging,
    enlarged_size,
    postprocessing,
)
from webui.core.errors import InvalidRequest, Message
from webui.core.infotext import legible
from webui.core.picture_fields import PICTURES
from webui.core.request import GenerationRequest
from webui.core.specs import NOT_ENLARGED
from webui.core.validation import Names, complete, shorten
from webui.services.picture_files import COMPRESSION, PARAMETERS_CHUNK

RESAMPLING: Mapping[str, Image.Resampling] = MappingProxyType(
    {"Lanczos": Image.Resampling.LANCZOS, "Nearest": Image.Resampling.NEAREST}
)
"""The upscalers that need no model."""

RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "factor": (1, LARGEST_FACTOR),
        "width": (1, LARGEST_SIDE),
        "height": (1, LARGEST_SIDE),
        "visibility": (0, 1),
    }
)
"""What may be asked for, by the entry of `asked`."""


def asked(entries: Mapping[str, Any], names: Names) -> Enlarging:
    """What these entries ask for: those of `RANGES`, `mode`, `crop`, `upscaler_1`, `upscaler_2`.

    Raises:
        InvalidRequest: a number is out of its range, or nobody knows an upscaler; by entry.
    """
    problems = [
        Message("error.range", {"got": entries[name], "low": low, "high": high}, name)
        for name, (low, high) in RANGES.items()
        if not low <= entries[name] <= high
    ]
    if problems:
        raise InvalidRequest(*problems)
    first, second = (check_upscaler(entries[n], n, names) for n in ("upscaler_1", "upscaler_2"))
    if first == NOT_ENLARGED:
        raise InvalidRequest(Message("error.extras_nothing", {}, "upscaler_1"))
    fields = ("mode", "factor", "width", "height", "crop", "visibility")
    return Enlarging(**{name: entries[name] for name in fields}, first=first, second=second)


def check_upscaler(name: str, field: str, names: Names) -> str:
    """The upscaler's name as it is offered.

    Raises:
        InvalidRequest: there is none of that name that takes pictures.
    """
    offered = names.of_pictures()
    found = names.known("upscalers", name) or next(
        (known for known in offered if known.casefold() == name.casefold()), None
    )
    if found not in offered:
        values = {"got": shorten(name), "choices": ", ".join(offered)}
        raise InvalidRequest(Message("error.choice", values, field))
    return str(found)


def needs_worker(wish: Enlarging) -> bool:
    """Whether a model takes part."""
    return any(name not in RESAMPLING for name in wish.upscalers)


def made_of(values: Mapping[str, Any], names: Names) -> GenerationRequest:
    """What a picture was made of, by what was read from it; what is not usable plays no part."""
    known = {
        name: value
        for name, value in values.items()
        if name not in (*PICTURES, "first_pass", "tile_upscale", "batch_size", "batch_count")
    }
    try:
        return complete({"seed": 0, **known}, names)
    except InvalidRequest:
        return GenerationRequest()


def enlarge(image: Image.Image, wish: Enlarging) -> Image.Image:
    """The picture, larger, without a model. Without an upscaler it stays as it is.

    Raises:
        InvalidRequest: it would be too large.
    """
    if not wish.upscalers:
        return image
    target = enlarged_size(image.size, wish)
    result, *others = (image.resize(target, RESAMPLING[name]) for name in wish.upscalers)
    for other in others:
        result = Image.blend(result, other, wish.visibility)
    return result.crop(wish.kept(target))


def png_with(image: Image.Image, infotext: str, wish: Enlarging) -> bytes:
    """The picture as PNG with its infotext, and what was done to it under `postprocessing`."""
    info = PngInfo()
    if infotext:
        info.add_text(PARAMETERS_CHUNK, legible(infotext))
    if wish.first != NOT_ENLARGED:
        info.add_text("postprocessing", postprocessing(wish))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info, compress_level=COMPRESSION)
    return buffer.getvalue()
