"""Chunks of tokens into the embeddings that the denoiser attends to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from webui.core.prompt.chunks import CHUNK, Chunk
from webui.core.request import EmphasisMode
from webui.engine.bundle import ModelBundle, TextEncoder, TextPart
from webui.engine.tokenizer import ClipTokenizer

Vectors = Mapping[str, Mapping[str, Tensor]]
"""(n, D) of embeddings by name, for each text encoder by its slot."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """What a prompt is to the model.

    rows: (1, 77 * k, D) for k chunks, the text encoders side by side. pooled: (1, P), the sum of
    the first chunk, for the families that are told it; else None.
    """

    rows: Tensor
    pooled: Tensor | None = None

    def zeroed(self) -> Encoding:
        """Nothing at all, as long as this."""
        pooled = None if self.pooled is None else torch.zeros_like(self.pooled)
        return Encoding(torch.zeros_like(self.rows), pooled)


def encode_chunks(
    pieces: Sequence[Chunk],
    vectors: Vectors,
    clip_skip: int,
    emphasis: EmphasisMode,
    bundle: ModelBundle,
) -> Encoding:
    """Each chunk alone by each text encoder; vectors: of the embeddings that the chunks name."""
    place = bundle.device.torch_device
    weights = torch.tensor([_framed_weights(piece) for piece in pieces])
    weighted = emphasis in ("Original", "No norm") and bool((weights != 1).any())
    rows: list[Tensor] = []
    pooled = None
    for part in bundle.texts:
        ids = torch.tensor([_framed(piece, part.tokenizer) for piece in pieces]).to(place)
        bundle.memory.bring(part.encoder)
        with _vectors_in_place(part, pieces, vectors.get(part.plan.slot, {})):
            embeddings, sums = _embed(ids, clip_skip, part)
        if weighted:
            kept = emphasis == "Original"
            embeddings = emphasize(embeddings, weights.to(place), keep_mean=kept)
        rows.append(embeddings.reshape(1, -1, embeddings.shape[-1]))
        pooled = pooled if sums is None else sums[:1]
    return Encoding(rows[0] if len(rows) == 1 else torch.cat(rows, dim=2), pooled)


def stretched(rows: Tensor, length: int) -> Tensor:
    """Rows (1, T, D) with the last one repeated up to `length`, (1, length, D)."""
    missing = length - rows.shape[1]
    return torch.cat([rows, rows[:, -1:].expand(-1, missing, -1)], dim=1) if missing > 0 else rows


def even_out(encodings: Sequence[Tensor], empty: Tensor | None) -> tuple[Tensor, ...]:
    """Encodings brought to the length of the longest, so that one call of the model serves all.

    encodings: (1, 77 * k, D) each. Short ones are followed by `empty`, (1, 77, D), the empty
    prompt, which may be None if they are all alike.
    """
    length = max(encoding.shape[1] for encoding in encodings)
    return tuple(_padded(encoding, length, empty) for encoding in encodings)


def _padded(encoding: Tensor, length: int, empty: Tensor | None) -> Tensor:
    missing = length - encoding.shape[1]
    if not missing or empty is None:
        return encoding
    return torch.cat([encoding, *[empty] * (missing // empty.shape[1])], dim=1)


@contextmanager
def _vectors_in_place(
    part: TextPart, pieces: Sequence[Chunk], vectors: Mapping[str, Tensor]
) -> Iterator[None]:
    """Meanwhile the text encoder finds the chunks' own vectors where their tokens stand."""

    def put(_module: object, _arguments: object, output: Any) -> Any:
        for row, piece in enumerate(pieces):
            for place, name in piece.embeddings.items():
                start, own = 1 + place, vectors[name]  # after the begin mark
                output[row, start : start + len(own)] = own.to(output)
        return output

    with ExitStack() as hooks:
        if vectors:
            handle = part.encoder.get_input_embeddings().register_forward_hook(put)
            hooks.callback(handle.remove)
        yield


def _embed(ids: Tensor, clip_skip: int, part: TextPart) -> tuple[Tensor, Tensor | None]:
    """(k, 77) token ids to the output of a layer, (k, 77, D), and the pooled vectors, (k, P).

    Families that were trained with one layer keep to it. SDXL takes its layers bare, without
    the final norm (Podell et al. 2023, "SDXL", section 2.1).
    """
    plan, encoder = part.plan, part.encoder
    taken = clip_skip if plan.skips else plan.taken
    whole = taken == 1 and plan.normed
    output = encoder(input_ids=ids, output_hidden_states=not whole)
    pooled = output.text_embeds if plan.projected else None
    if whole:
        return output.last_hidden_state, pooled
    hidden: Tensor = output.hidden_states[-taken]
    return (_final_norm(encoder)(hidden) if plan.normed else hidden), pooled


def _final_norm(encoder: TextEncoder) -> nn.Module:
    # Some classes have a wrapper around their layers.
    inner: Any = getattr(encoder, "text_model", encoder)
    norm: nn.Module = inner.final_layer_norm
    return norm


def emphasize(embeddings: Tensor, weights: Tensor, *, keep_mean: bool = True) -> Tensor:
    """Scales each token by its weight, and each chunk so that its mean stays as it was.

    embeddings: (k, 77, D); weights: (k, 77). Computed in float32. Without `keep_mean` ("No norm")
    tokens are scaled by their weights alone.
    """
    z = embeddings.float()
    weighted = z * weights[:, :, None]
    if not keep_mean:
        return weighted.to(embeddings.dtype)
    before = z.mean(dim=(1, 2), keepdim=True)
    after = weighted.mean(dim=(1, 2), keepdim=True)
    ratio = torch.where(after == 0, 1.0, before / after)
    return (weighted * ratio).to(embeddings.dtype)


def _framed(piece: Chunk, tokenizer: ClipTokenizer) -> list[int]:
    missing = CHUNK - len(piece.tokens)
    return [tokenizer.bos, *piece.tokens, tokenizer.eos, *[tokenizer.pad] * missing]


def _framed_weights(piece: Chunk) -> list[float]:
    missing = CHUNK - len(piece.tokens)
    return [1.0, *piece.weights, 1.0, *[1.0] * missing]
