"""The old way, for clients that rely on it: names that nobody knows become others in silence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from webui.core.catalogue import AUTOMATIC
from webui.core.request import SAME
from webui.core.validation import Names

SIZES = ("width", "height", "hires_width", "hires_height")
CELL = 8
DROPPED = ("restore_faces", "latent_mask")
"""Entries of a request that are not supported and then count as left out."""

_SAMPLERS = (("sampler", "schedule"), ("hires_sampler", "hires_schedule"))


def without_unsupported(body: Mapping[str, Any]) -> dict[str, Any]:
    """The request without the entries that are not supported."""
    return {name: value for name, value in body.items() if name not in DROPPED}


def lenient(values: Mapping[str, Any], names: Names, styles: Collection[str]) -> dict[str, Any]:
    """The fields with unknown names replaced as stable-diffusion-webui does.

    An unknown sampler becomes the first, an unknown schedule "Automatic", an unknown style none;
    sizes are cut down to whole cells.
    """
    mended = dict(values)
    catalogue = names.catalogue
    for sampler, schedule in _SAMPLERS:
        given = str(mended.get(sampler) or SAME)
        first, second = catalogue.split(given, str(mended.get(schedule) or AUTOMATIC))
        if given != SAME and first not in catalogue.samplers:
            mended[sampler] = next(iter(catalogue.samplers))
        if second != AUTOMATIC and second not in catalogue.schedules:
            mended[schedule] = AUTOMATIC
    for name in SIZES:
        if isinstance(mended.get(name), int):
            mended[name] = mended[name] // CELL * CELL
    if isinstance(mended.get("styles"), list):
        mended["styles"] = [style for style in mended["styles"] if style in styles]
    return mended
