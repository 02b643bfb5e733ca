"""The fields of SD upscale: a start picture that is enlarged and drawn anew in tiles.

Their types, ranges and rows of the table of parameters. Their infotext keys are those that users
of stable-diffusion-webui know; the factor, which is not written there, has one of ours.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from webui.core.parameters import Kind, Spec
from webui.core.pass_fields import Name


def _tiles(kind: Kind, infotext: str, **row: Any) -> Spec:
    return Spec(kind, infotext, group="tiles", needs=("tile_upscale",), **row)


TileUpscale = Annotated[bool, Spec("flag", axis=False, group="tiles", needs=("init_image",))]
TileUpscaler = Annotated[Name, _tiles("choice", "SD upscale upscaler", choices="picture_upscalers")]
TileScale = Annotated[float, Field(ge=1, le=4), _tiles("number", "SD upscale factor", step=0.05)]
TileOverlap = Annotated[int, Field(ge=0, le=256), _tiles("integer", "SD upscale overlap", step=8)]
