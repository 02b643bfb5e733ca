"""The text encoders' tensors: CLIP keeps our names, OpenCLIP has its own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from webui.engine.single_file.origins import Origin, Piece, renamed

WRAPPER = "text_model."
"""What transformers puts before the names in some of its classes, and in all files."""

OPEN_CLIP = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
OPEN_CLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
FUSED: Mapping[str, Piece] = {
    "self_attn.q_proj": "first",
    "self_attn.k_proj": "second",
    "self_attn.v_proj": "third",
}
LAYER = re.compile(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")
BARE = re.compile(r"(embeddings|encoder|final_layer_norm)\.")


def clip_origins(names: Mapping[str, object]) -> dict[str, Origin]:
    """Origins, without prefix, of all tensors of a CLIPTextModel, with projection or without."""

    def rule(name: str) -> str:
        return WRAPPER + name if BARE.match(name) else name

    return renamed(names, rule)


def usual_clip_name(name: str) -> str:
    """The usual name, without prefix, for one of the files that leave the wrapper out."""
    return WRAPPER + name if BARE.match(name) else name


def open_clip_origins(names: Mapping[str, object]) -> dict[str, Origin]:
    """The same for files in OpenCLIP's layout.

    Raises:
        KeyError: the encoder has a tensor that these files know no name for.
    """
    return {name: _open_clip(name.removeprefix(WRAPPER)) for name in names}


def _open_clip(name: str) -> Origin:
    if name == "text_projection.weight":  # a matrix there, a layer here
        return Origin("text_projection", "transposed")
    match = LAYER.fullmatch(name)
    if not match:
        return Origin(OPEN_CLIP[name])
    place = f"transformer.resblocks.{match[1]}"
    if match[2] in FUSED:
        return Origin(f"{place}.attn.in_proj_{match[3]}", FUSED[match[2]])
    return Origin(f"{place}.{OPEN_CLIP_LAYER[match[2]]}.{match[3]}")
