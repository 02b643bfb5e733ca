"""What lies under the mask to begin with: colours of the surroundings, flowing in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from webui.engine.inpainting.gauss import Channel, gaussian
from webui.engine.inpainting.masks import FULL, Mask
from webui.engine.latents import Pixels

Layer = npt.NDArray[np.float32]

LAYERS = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2))
"""Standard deviations in pixels, the widest at the bottom, and how often each is laid over."""

FINE, MOST_REDUCED = 8, 16
"""Blurs of FINE pixels and more are computed on a smaller copy, at most this much smaller."""

CONTINUED = 32
"""Pixels beyond the picture's edge over which its outermost colours turn into the fill's."""


def filled(picture: Pixels, mask: Mask) -> Pixels:
    """The picture, (H, W, 3), with what is painted replaced by blurred surroundings.

    The kept part is blurred at several widths, its edges soft, and the blurred pictures are laid
    over each other, the narrowest on top, so that near colours win where they reach. Below all of
    them lies the mean colour of what is kept, for places that no blur reaches.
    """
    keep = 1 - mask[..., None].astype(np.float32) / FULL
    colour = picture.astype(np.float32) * keep
    total = float(keep.sum(dtype=np.float64))
    if not total:
        mean = picture.mean(axis=(0, 1), dtype=np.float64)
        return np.broadcast_to(np.rint(mean).astype(np.uint8), picture.shape).copy()
    mean = colour.sum(axis=(0, 1), dtype=np.float64) / total
    result: Layer = np.broadcast_to(mean.astype(np.float32), picture.shape).copy()
    both: Layer = np.concatenate([colour, keep], axis=2)
    for width, times in LAYERS:
        soft = smoothed(both, width)
        result = _over(soft[..., :3], soft[..., 3:], result, times)
    # What is kept lies on top, as it is.
    return _bytes(result * (1 - keep) + colour)


def _bytes(layer: npt.NDArray[np.floating]) -> Pixels:
    whole: Pixels = np.rint(layer).clip(0, FULL).astype(np.uint8)
    return whole


def _over(colour: Layer, cover: Layer, ground: Layer, times: int) -> Layer:
    """A layer laid over the ground so many times. `colour` is multiplied with `cover` already."""
    through = (1 - cover).clip(0, 1) ** times
    pure = colour / np.maximum(cover, 1e-6)
    laid: Layer = ground * through + pure * (1 - through)
    return laid


def smoothed(layer: Layer, width: float) -> Layer:
    """(H, W, C) blurred by a Gaussian of this standard deviation.

    Wide ones are computed on a smaller copy, which lacks nothing that they would leave.
    """
    height, across = layer.shape[:2]
    reduction = int(min(max(width // FINE, 1), MOST_REDUCED, height, across))
    size = (across // reduction, height // reduction)
    channels = []
    for number in range(layer.shape[2]):
        channel = np.ascontiguousarray(layer[..., number])
        if reduction > 1:
            channel = _resized(channel, size, Image.Resampling.BOX)
        channel = gaussian(channel, width / reduction, width / reduction)
        if reduction > 1:
            channel = _resized(channel, (across, height), Image.Resampling.BILINEAR)
        channels.append(channel)
    return np.stack(channels, axis=2)


def _resized(channel: Channel, size: tuple[int, int], method: Image.Resampling) -> Channel:
    image = Image.fromarray(np.ascontiguousarray(channel))
    return np.asarray(image.resize(size, method))


def continued(picture: Pixels, borders: tuple[int, int, int, int]) -> Pixels:
    """The picture grown by borders that continue it, for outpainting.

    borders: pixels to the left, above, to the right and below. Beyond the edge go on its own
    colours, blurred more and more, and over CONTINUED pixels turn into the fill of `filled`.
    """
    left, top, right, bottom = borders
    grown = np.pad(picture, ((top, bottom), (left, right), (0, 0)), mode="edge")
    mask = border_mask(picture.shape[1], picture.shape[0], borders)
    flowing = filled(grown, mask).astype(np.float32)
    away = _distance(picture.shape[1], picture.shape[0], borders)[..., None]
    share = np.minimum(away / CONTINUED, 1)
    near = smoothed(grown.astype(np.float32), 4)
    near = grown + (near - grown) * np.minimum(away / 8, 1)
    result = _bytes(near * (1 - share) + flowing * share)
    result[mask == 0] = grown[mask == 0]
    return result


def border_mask(width: int, height: int, borders: tuple[int, int, int, int]) -> Mask:
    """All of the borders around a picture of this size, (top + height + bottom, …)."""
    left, top, right, bottom = borders
    inner = np.zeros((height, width), np.uint8)
    return np.pad(inner, ((top, bottom), (left, right)), constant_values=FULL)


def _distance(width: int, height: int, borders: tuple[int, int, int, int]) -> Layer:
    """How far beyond the picture's edge each pixel lies, 0 within."""
    left, top, right, bottom = borders

    def beyond(before: int, size: int, after: int) -> Layer:
        place = np.arange(-before, size + after, dtype=np.float32)
        return np.maximum(np.maximum(-place, place - (size - 1)), 0)

    return np.maximum(beyond(top, height, bottom)[:, None], beyond(left, width, right)[None, :])
