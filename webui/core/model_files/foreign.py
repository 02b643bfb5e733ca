"""Models of other architectures, so that they can be named when they are refused."""

from __future__ import annotations

from webui.core.model_files.listing import Listing

PREFIXES = ("model.diffusion_model.", "", "transformer.", "diffusion_model.", "net.")

MARKERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("svd", ("input_blocks.1.1.time_stack.0.norm1.weight",)),
    ("svd", ("down_blocks.0.attentions.0.temporal_transformer_blocks.0.norm1.weight",)),
    ("kolors", ("encoder_hid_proj.weight", "add_embedding.linear_1.weight")),
    ("deepfloyd", ("encoder_hid_proj.weight", "down_blocks.0.resnets.0.conv1.weight")),
    ("sd3", ("joint_blocks.0.context_block.adaLN_modulation.1.weight",)),
    ("sd3", ("transformer_blocks.0.attn.add_q_proj.weight", "pos_embed.pos_embed")),
    ("chroma", ("distilled_guidance_layer.in_proj.weight",)),
    ("flux2", ("single_stream_modulation.lin.weight",)),
    ("hunyuan_video", ("txt_in.individual_token_refiner.blocks.0.adaLN_modulation.1.weight",)),
    ("flux", ("double_blocks.0.img_attn.norm.key_norm.scale",)),
    ("flux", ("single_transformer_blocks.0.attn.norm_k.weight", "context_embedder.weight")),
    ("auraflow", ("double_layers.0.attn.w1q.weight",)),
    ("pixart", ("t_block.1.weight", "y_embedder.y_proj.fc1.weight")),
    ("pixart", ("adaln_single.linear.weight", "caption_projection.linear_1.weight")),
    ("hunyuan_dit", ("mlp_t5.0.weight",)),
    ("z_image", ("layers.0.adaLN_modulation.0.weight", "cap_embedder.0.weight")),
    ("lumina2", ("cap_embedder.0.weight",)),
    ("sana", ("blocks.0.cross_attn.q_linear.weight",)),
    ("wan", ("head.modulation",)),
    ("ltx_video", ("patchify_proj.weight",)),
    ("mochi", ("blocks.0.attn.qkv_x.weight",)),
    ("qwen_image", ("transformer_blocks.0.img_mod.1.weight",)),
    ("hidream", ("double_stream_blocks.0.block.adaLN_modulation.1.weight",)),
    ("cosmos", ("blocks.block0.blocks.0.block.attn.to_q.0.weight",)),
    ("cosmos", ("blocks.0.self_attn.q_proj.weight", "x_embedder.proj.1.weight")),
    ("stable_cascade", ("clip_txt_mapper.weight",)),
    ("stable_cascade", ("down_blocks.1.0.channelwise.0.weight",)),
)
"""Family, and the tensors that only it has; more particular ones before more general ones."""


FIRST_NAMES = frozenset(prefix + names[0] for prefix in PREFIXES for _, names in MARKERS)


def foreign_family(listing: Listing) -> str:
    """The family of another architecture, "" if it is none that is known."""
    if not listing.any_of(FIRST_NAMES):
        return ""
    for prefix in PREFIXES:
        part = listing.under(prefix)
        for family, names in MARKERS:
            if all(name in part for name in names):
                return family
    return ""
