"""The UNet's tensors: our blocks of layers in the numbered rows that the files have.

Files count all layers of a direction through, `input_blocks.0` to `input_blocks.11` in SD1; the
place of a layer follows from the number of layers per block (Rombach et al. 2022, the program
"latent-diffusion", `openaimodel.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from webui.engine.single_file.origins import Origin, renamed

PREFIX = "model.diffusion_model."
EMA_PREFIX = "model_ema."

PLAIN = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "time_embedding.cond_proj": "time_embed.cond_proj",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)")
MIDDLE = re.compile(r"mid_block\.(resnets|attentions)\.(\d+)")


def unet_origins(names: Mapping[str, object], layers_per_block: int) -> dict[str, Origin]:
    """Origins, without prefix, of all tensors of a UNet2DConditionModel.

    Raises:
        KeyError: the UNet has a tensor that these files know no name for.
    """
    with_attention = {
        int(match[2])
        for name in names
        if (match := BLOCK.match(name)) and match[1] == "up" and match[3] == "attentions"
    }

    def rule(name: str) -> str | None:
        if match := MIDDLE.match(name):
            row = 1 if match[1] == "attentions" else 2 * int(match[2])
            return _inside(f"middle_block.{row}", match[1], name[match.end() :])
        if match := BLOCK.match(name):
            place = _place(match, layers_per_block, with_attention)
            return _inside(place, match[3], name[match.end() :])
        layer, _, kind = name.rpartition(".")
        return f"{PLAIN[layer]}.{kind}" if layer in PLAIN else None

    return renamed(names, rule)


def ema_name(name: str) -> str:
    """The name of the moving average of a tensor, given its name without prefix."""
    return EMA_PREFIX + (PREFIX.removeprefix("model.") + name).replace(".", "")


def _place(match: re.Match[str], layers_per_block: int, with_attention: set[int]) -> str:
    """The row, and the place within it, of a layer of a block."""
    block, kind, layer = int(match[2]), match[3], int(match[4])
    first = block * (layers_per_block + 1)
    if kind == "downsamplers":
        return f"input_blocks.{first + layers_per_block + 1}.0"
    if kind == "upsamplers":  # follows what the block's last row holds
        return f"output_blocks.{first + layers_per_block}.{2 if block in with_attention else 1}"
    row = f"input_blocks.{first + layer + 1}" if match[1] == "down" else None
    return f"{row or f'output_blocks.{first + layer}'}.{1 if kind == 'attentions' else 0}"


def _inside(place: str, kind: str, rest: str) -> str | None:
    """rest: the name within the layer, with a dot before it."""
    if kind == "resnets":
        layer, _, last = rest[1:].rpartition(".")
        return f"{place}.{RESNET[layer]}.{last}" if layer in RESNET else None
    if kind == "downsamplers":
        return place + rest.replace(".conv.", ".op.")
    return place + rest
