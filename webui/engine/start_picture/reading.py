"""From the encoded pictures of a job to pixels."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from webui.core.errors import InkstoneError
from webui.engine.latents import Pixels


def picture(images: Mapping[str, bytes], field: str, name: str) -> Image.Image:
    """The picture that a field of the request refers to, in the mode that it has.

    name: what the field says, for the message.

    Raises:
        InkstoneError: it is not there, or is no picture.
    """
    try:
        image = Image.open(io.BytesIO(images[field]))
        image.load()
    except (KeyError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise InkstoneError("error.start_picture_missing", field=field, id=name) from error
    return image


def flattened(image: Image.Image, background_color: str) -> Pixels:
    """The picture over a background, "#rrggbb", that shows where it is transparent; (H, W, 3)."""
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", seen.size, background_color), seen)
    return np.asarray(image.convert("RGB"))
