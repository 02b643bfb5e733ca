"""A finished picture made larger: by models, by Pillow, or by two of them blended."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from webui.core.catalogue import BUILTIN, Catalogue
from webui.core.enlarging import Enlarging, enlarged_size
from webui.core.errors import InkstoneError
from webui.core.specs import NOT_ENLARGED
from webui.engine.latents import Pixels
from webui.engine.resolve import resolve
from webui.engine.upscale import Enlarge


def opened(picture: bytes) -> tuple[Pixels, Image.Image | None]:
    """The colours of a picture's file, (H, W, 3), and its transparency, if it has any.

    Raises:
        InkstoneError: it is no picture.
    """
    try:
        with Image.open(io.BytesIO(picture)) as image:
            if not image.has_transparency_data:
                return np.asarray(image.convert("RGB")), None
            clear = image.convert("RGBA")
            return np.asarray(_filled(clear)), clear.getchannel("A")
    except OSError as error:
        raise InkstoneError("error.not_a_picture", field="input") from error


def _filled(image: Image.Image) -> Image.Image:
    """Colours under what is fully transparent, taken from what is around: RGBA to RGB.

    What lies there unseen, black mostly, would else be drawn into the visible edge.
    """
    seen = image.getchannel("A").point(lambda value: 255 if value else 0)
    colours = image.convert("RGB")
    if seen.getextrema()[0] == 255 or max(image.size) == 1:
        return colours
    width, height = image.size
    half = ((width + 1) // 2, (height + 1) // 2)
    around = _filled(image.resize(half, Image.Resampling.BOX))  # weighs colours by their opacity
    return Image.composite(colours, around.resize(image.size, Image.Resampling.BILINEAR), seen)


def enlarge_finished(
    picture: Pixels, wish: Enlarging, models: Mapping[str, Enlarge], catalogue: Catalogue = BUILTIN
) -> Pixels:
    """(H, W, 3) in 0 … 255 to the same, larger. Without a first upscaler it stays as it is.

    models: upscalers by name, beside the catalogue's.

    Raises:
        InvalidRequest: it would be too large.
        InkstoneError: for an upscaler that nobody knows.
        InkstoneError: as the upscalers raise.
    """
    height, width, _ = picture.shape
    if not wish.upscalers:
        return picture
    target = enlarged_size((width, height), wish)
    ways = [models.get(name) or _builtin(name, catalogue) for name in wish.upscalers]
    first, *others = (way(picture, target) for way in ways)
    for other in others:
        blended = Image.blend(Image.fromarray(first), Image.fromarray(other), wish.visibility)
        first = np.asarray(blended)
    return np.ascontiguousarray(_middle(first, wish))


def enlarged_alpha(alpha: Image.Image, wish: Enlarging) -> bytes:
    """A picture's transparency in the size that the picture gets, row by row."""
    if not wish.upscalers:
        return alpha.tobytes()
    target = enlarged_size(alpha.size, wish)
    larger = np.asarray(alpha.resize(target, Image.Resampling.LANCZOS))
    return np.ascontiguousarray(_middle(larger, wish)).tobytes()


def _builtin(name: str, catalogue: Catalogue) -> Enlarge:
    spec = catalogue.upscalers.get(name)
    if spec is None or spec.latent:
        raise InkstoneError("error.unknown_name", field="upscaler_1", got=name, near=NOT_ENLARGED)
    return resolve(spec.target)


def _middle(picture: Pixels, wish: Enlarging) -> Pixels:
    left, top, right, bottom = wish.kept((picture.shape[1], picture.shape[0]))
    return picture[top:bottom, left:right]
