"""What SDXL is told beside the text: the prompt's sum, and the sizes of the picture.

Podell et al. 2023, "SDXL", sections 2.2 and 2.5: the network learnt how large the pictures were
that it saw, and where they were cut, so asking for whole pictures of the size drawn keeps it from
blurred and cropped ones. The refiner learnt how beautiful they were instead of the second size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from webui.engine.bundle import ModelBundle
from webui.engine.encoding import Encoding
from webui.engine.families import SDXL_REFINER

UNCROPPED = (0.0, 0.0)
AESTHETIC_SCORE, NEGATIVE_AESTHETIC_SCORE = 6.0, 2.5


def sizes_and_sums(
    bundle: ModelBundle, told: Sequence[Encoding], negative: Sequence[bool], size: tuple[int, int]
) -> dict[str, Tensor]:
    """For each prompt, as diffusers' UNets name them; nothing for families without.

    `text_embeds`: (B, P). `time_ids`: (B, 6) float32, or (B, 5) for the refiner. size: width and
    height in pixels. negative: which of the prompts are negative ones.
    """
    sums = [one.pooled for one in told if one.pooled is not None]
    if not sums:
        return {}
    width, height = size
    seen = (float(height), float(width), *UNCROPPED)
    rows: list[tuple[float, ...]] = []
    for unwanted in negative:
        if bundle.family is SDXL_REFINER:
            rows.append((*seen, NEGATIVE_AESTHETIC_SCORE if unwanted else AESTHETIC_SCORE))
        else:
            rows.append((*seen, float(height), float(width)))
    ids = torch.tensor(rows, device=bundle.device.torch_device)
    return {"text_embeds": torch.cat(sums), "time_ids": ids}
