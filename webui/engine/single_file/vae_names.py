"""The autoencoder's tensors: our names, and those of the files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from webui.engine.single_file.origins import Origin, renamed

PREFIX = "first_stage_model."

PLAIN = {
    "conv_in": "conv_in",
    "conv_out": "conv_out",
    "conv_norm_out": "norm_out",
}
ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}
OTHER_WORDS = {
    **ATTENTION,
    "query": "q",
    "key": "k",
    "value": "v",
    "proj_attn": "proj_out",
}
"""What other programs wrote for the attention's layers into files that are otherwise the same."""

SIDE = re.compile(r"(encoder|decoder)\.")
BLOCK = re.compile(r"(?:down|up)_blocks\.(\d+)\.(resnets|downsamplers|upsamplers)\.(\d+)\.")
MIDDLE = re.compile(r"mid_block\.(resnets|attentions)\.(\d+)\.")
STORED_ATTENTION = re.compile(r"((?:encoder|decoder)\.mid\.attn_1)\.(.+)\.(weight|bias)")


def vae_origins(names: Mapping[str, object], levels: int) -> dict[str, Origin]:
    """Origins, without prefix, of all tensors of an AutoencoderKL with so many levels.

    Raises:
        KeyError: it has a tensor that these files know no name for.
    """

    def rule(name: str) -> str | None:
        side = SIDE.match(name)
        if not side:  # quant_conv and post_quant_conv
            return name
        rest = name[side.end() :]
        inner = _middle(rest) or _block(rest, levels) or _plain(rest)
        return None if inner is None else side[0] + inner

    return renamed(names, rule)


def usual_vae_name(name: str) -> str:
    """The usual name, without prefix, for one that another program wrote."""
    match = STORED_ATTENTION.fullmatch(name)
    if not match or match[2] not in OTHER_WORDS:
        return name
    return f"{match[1]}.{OTHER_WORDS[match[2]]}.{match[3]}"


def _plain(rest: str) -> str | None:
    layer, _, kind = rest.rpartition(".")
    return f"{PLAIN[layer]}.{kind}" if layer in PLAIN else None


def _middle(rest: str) -> str | None:
    match = MIDDLE.match(rest)
    if not match:
        return None
    number, inner = int(match[2]) + 1, rest[match.end() :]
    if match[1] == "resnets":
        return f"mid.block_{number}.{inner}"
    layer, _, kind = inner.rpartition(".")
    return f"mid.attn_{number}.{ATTENTION[layer]}.{kind}" if layer in ATTENTION else None


def _block(rest: str, levels: int) -> str | None:
    match = BLOCK.match(rest)
    if not match:
        return None
    inner = rest[match.end() :].replace("conv_shortcut", "nin_shortcut")
    # Files number the decoder's levels from the picture downwards, as the encoder's.
    down = rest.startswith("down")
    level = f"down.{match[1]}" if down else f"up.{levels - 1 - int(match[1])}"
    if match[2] == "resnets":
        return f"{level}.block.{match[3]}.{inner}"
    return f"{level}.{'downsample' if down else 'upsample'}.{inner}"
