"""Which block of the UNet a tensor belongs to, as people number blocks: IN00 ... M00 ... OUT11."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from webui.core.errors import ModelFileError
from webui.core.merging import MergeOrder, read_blocks
from webui.engine.single_file.unet_names import PREFIX, ema_name

NUMBERED = re.compile(r"(input|output)_blocks\.(\d+)\.")
LAYER = re.compile(
    r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\."
)
FIRST = ("time_embed.", "label_emb.", "conv_in.", "time_embedding.", "add_embedding.")
LAST = ("out.", "conv_out.", "conv_norm_out.")
MIDDLE = ("middle_block.", "mid_block.")

Weigh = Callable[[str], float]
"""The weight of a tensor by its stored name."""


def weights_of(order: MergeOrder, names: Collection[str], file: str) -> Weigh:
    """How much of the other models each tensor takes.

    names: of the file that holds the UNet. Time and size embedding count as IN00, the output
    layers as the last block; what is not of the UNet takes the base weight.

    Raises:
        ModelFileError: there are not as many numbers as the model has blocks.
    """
    given = read_blocks(order.blocks)
    base = order.multiplier if order.base_alpha is None else order.base_alpha
    place, inputs = _places(names)
    wanted = 2 * inputs + 1
    if not given:
        given = (order.multiplier,) * wanted
    if len(given) == wanted + 1:
        base, given = given[0], given[1:]
    if len(given) != wanted:
        raise ModelFileError(
            "error.merge_blocks", field="blocks", file=file, got=len(given), wanted=wanted
        )
    return lambda name: base if place(name) < 0 else given[place(name)]


def _places(names: Collection[str]) -> tuple[Callable[[str], int], int]:
    """The place of each tensor in the list of blocks (-1: none), and the number of IN blocks."""
    prefix = PREFIX if any(name.startswith(PREFIX) for name in names) else ""
    inner = [name[len(prefix) :] for name in names if name.startswith(prefix)]
    averages = {ema_name(name): name for name in inner} if prefix else {}
    rows = [match for name in inner if (match := LAYER.match(name)) and match[1] == "down"]
    layers = 1 + max((int(row[4]) for row in rows if row[3] == "resnets"), default=-1)
    if layers:
        inputs = (1 + max(int(row[2]) for row in rows)) * (layers + 1)
    else:
        found = [int(m[2]) for n in inner if (m := NUMBERED.match(n)) and m[1] == "input"]
        inputs = 1 + max(found, default=-1)

    def place(name: str) -> int:
        if name in averages:
            return _place(averages[name], inputs, layers)
        return _place(name[len(prefix) :], inputs, layers) if name.startswith(prefix) else -1

    return place, inputs


def _place(name: str, inputs: int, layers: int) -> int:
    if match := NUMBERED.match(name):
        return int(match[2]) + (0 if match[1] == "input" else inputs + 1)
    if match := LAYER.match(name):
        level, layer = int(match[2]), int(match[4])
        if match[1] == "down":
            within = layers if match[3] == "downsamplers" else layer
            return 1 + level * (layers + 1) + within
        within = layers if match[3] == "upsamplers" else layer
        return inputs + 1 + level * (layers + 1) + within
    if name.startswith(MIDDLE):
        return inputs
    if name.startswith(FIRST):
        return 0
    return 2 * inputs if name.startswith(LAST) else -1
