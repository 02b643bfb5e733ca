"""Attention of the UNet, with the keys and values of the text computed once per batch."""

from __future__ import annotations

from diffusers.models.attention_processor import Attention
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention


class TextMemory:
    """Keys and values of one context in every cross-attention layer; lives as long as a batch.

    The text is the same in every step, so all steps after the first find them here.
    """

    def __init__(self) -> None:
        self._layers: dict[Attention, tuple[Tensor, Tensor]] = {}

    def keys_and_values(self, attn: Attention, context: Tensor) -> tuple[Tensor, Tensor]:
        """Both for a layer, (B, heads, T, head_dim) each, from context (B, T, D)."""
        if attn not in self._layers:
            pair = attn.to_k(context), attn.to_v(context)
            self._layers[attn] = split_heads(pair[0], attn.heads), split_heads(pair[1], attn.heads)
        return self._layers[attn]


class TextAttention:
    """A diffusers attention processor for the layers of SD's UNets.

    Computes what diffusers' own `AttnProcessor2_0` does. With `memory`, handed over as
    `cross_attention_kwargs`, the text's keys and values come from there.
    """

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        memory: TextMemory | None = None,
    ) -> Tensor:
        """hidden_states: (B, h * w, C); encoder_hidden_states: (B, T, D), None to attend within."""
        query = split_heads(attn.to_q(hidden_states), attn.heads)
        if encoder_hidden_states is not None and memory is not None:
            key, value = memory.keys_and_values(attn, encoder_hidden_states)
        else:
            source = hidden_states if encoder_hidden_states is None else encoder_hidden_states
            key = split_heads(attn.to_k(source), attn.heads)
            value = split_heads(attn.to_v(source), attn.heads)
        attended = scaled_dot_product_attention(query, key, value, attn_mask=attention_mask)
        output: Tensor = attn.to_out[0](attended.transpose(1, 2).flatten(2))
        return output


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, N, heads * d) to (B, heads, N, d)."""
    batch, tokens, width = x.shape
    return x.view(batch, tokens, heads, width // heads).transpose(1, 2)
