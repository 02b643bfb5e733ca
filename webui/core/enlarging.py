"""A finished picture made larger outside of any generation: what is asked for, and its size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from webui.core.errors import InvalidRequest, Message
from webui.core.infotext import parse
from webui.core.infotext.syntax import quote
from webui.core.specs import NOT_ENLARGED

LARGEST_SIDE = 16_384
LARGEST_FACTOR = 8.0
MEGAPIXEL = 2**20
MOST_PIXELS = 64 * MEGAPIXEL
Size = tuple[int, int]


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
    first: str = NOT_ENLARGED
    second: str = NOT_ENLARGED
    visibility: float = 0.0

    @property
    def upscalers(self) -> tuple[str, ...]:
        """The names of those that take part, each once."""
        blended = self.second != NOT_ENLARGED and self.visibility > 0 and self.first != NOT_ENLARGED
        named = (self.first, *([self.second] if blended else []))
        return tuple(dict.fromkeys(name for name in named if name != NOT_ENLARGED))

    def kept(self, size: Size) -> tuple[int, int, int, int]:
        """What is kept of the enlarged picture of `size`: left, top, right, bottom in pixels."""
        if self.mode == "factor" or not self.crop or self.first == NOT_ENLARGED:
            return 0, 0, *size
        left, top = (size[0] - self.width) // 2, (size[1] - self.height) // 2
        return left, top, left + self.width, top + self.height


def enlarged_size(size: Size, wish: Enlarging) -> Size:
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
        field = "width" if wish.mode == "size" else "factor"
        raise InvalidRequest(Message("error.extras_size", values, field))
    return wide, high


def entries(wish: Enlarging) -> Mapping[str, str]:
    """What an infotext says of it, in entries that users of stable-diffusion-webui know."""
    if wish.first == NOT_ENLARGED:
        return {}
    said: dict[str, object] = {}
    if wish.mode == "size":
        said["Postprocess upscale to"] = f"{wish.width}x{wish.height}"
    else:
        said["Postprocess upscale by"] = f"{wish.factor:g}"
    said["Postprocess upscaler"] = wish.first
    if wish.second in wish.upscalers[1:]:
        said["Postprocess upscaler 2"] = wish.second
        said["Postprocess upscaler 2 visibility"] = f"{wish.visibility:g}"
    return {key: str(value) for key, value in said.items()}


def postprocessing(wish: Enlarging) -> str:
    """The entries as one line."""
    return ", ".join(f"{key}: {quote(value)}" for key, value in entries(wish).items())


def infotext_after(before: str, wish: Enlarging) -> str:
    """The picture's infotext with what was done to it: among its settings, else in their place."""
    line = postprocessing(wish)
    if not line or not before.strip():
        return before.rstrip() or line
    has_settings = bool(parse(before).settings)
    return f"{before.rstrip()}{', ' if has_settings else chr(10)}{line}"
