"""Prompts to the embeddings that the denoiser attends to.

Tokens are cut into chunks of 75, each encoded alone between its own begin and end mark; the
results are joined. How chunks, emphasis and clip skip work follows stable-diffusion-webui, so
that prompts keep their meaning.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from webui.core.errors import InvalidRequest, Message
from webui.core.prompt import BREAK, BREAK_WEIGHT, parse_emphasis
from webui.engine.bundle import ModelBundle
from webui.engine.tokenizer import ClipTokenizer

CHUNK = 75
COMMA_BACKTRACK = 20
"""A word cut by a chunk's end moves over whole, back to the last comma if that is this near."""

CACHED_PROMPTS = 16
CACHED_TOKENS = 16 * 77
"""Longer prompts are not kept: they are rare, and each could take a hundred megabytes."""


@dataclass
class Chunk:
    """Up to 75 tokens and how strongly each one counts."""

    tokens: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def add(self, token: int, weight: float) -> None:
        """Appends one token."""
        self.tokens.append(token)
        self.weights.append(weight)

    def cut(self, at: int) -> Chunk:
        """Takes everything from position `at` on away, and returns it."""
        rest = Chunk(self.tokens[at:], self.weights[at:])
        del self.tokens[at:], self.weights[at:]
        return rest


def chunks(prompt: str, tokenizer: ClipTokenizer) -> list[Chunk]:
    """The prompt's tokens in chunks of at most 75, at least one; BREAK begins a new one."""
    done: list[Chunk] = []
    current, last_comma = Chunk(), None
    for text, weight in parse_emphasis(prompt):
        if (text, weight) == (BREAK, BREAK_WEIGHT):
            done.append(current)
            current, last_comma = Chunk(), None
            continue
        for token in tokenizer.encode(text):
            full = len(current.tokens) == CHUNK
            if full:
                near = last_comma is not None and CHUNK - last_comma <= COMMA_BACKTRACK
                keep = last_comma + 1 if near and last_comma is not None else CHUNK
                rest = current.cut(CHUNK if token == tokenizer.comma else keep)
                done.append(current)
                current, last_comma = rest, None
            if token == tokenizer.comma:
                last_comma = len(current.tokens)
            current.add(token, weight)
    if current.tokens or not done:
        done.append(current)
    return done


class PromptEncoder:
    """Encodes prompts with one model, and remembers the last ones."""

    def __init__(self, bundle: ModelBundle) -> None:
        self._bundle = bundle
        self._cache: OrderedDict[tuple[str, int], Tensor] = OrderedDict()

    def encode(self, prompt: str, clip_skip: int = 1) -> Tensor:
        """(1, 77 * k, D) for a prompt of k chunks.

        Raises:
            InvalidRequest: if the text encoder has fewer than `clip_skip` layers.
        """
        if clip_skip > self._bundle.text_layers:
            values = {"got": clip_skip, "low": 1, "high": self._bundle.text_layers}
            raise InvalidRequest(Message("error.range_whole", values, "clip_skip"))
        key = (prompt, clip_skip)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        embedding = _encode(prompt, clip_skip, self._bundle)
        if embedding.shape[1] <= CACHED_TOKENS:
            self._cache[key] = embedding
            if len(self._cache) > CACHED_PROMPTS:
                self._cache.popitem(last=False)
        return embedding


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


def _encode(prompt: str, clip_skip: int, bundle: ModelBundle) -> Tensor:
    tokenizer = bundle.tokenizer
    pieces = chunks(prompt, tokenizer)
    ids = torch.tensor([_framed(piece, tokenizer) for piece in pieces])
    weights = torch.tensor([_framed_weights(piece) for piece in pieces])
    place = bundle.device.torch_device
    embeddings = _embed(ids.to(place), clip_skip, bundle)
    if bool((weights != 1).any()):
        embeddings = emphasize(embeddings, weights.to(place))
    return embeddings.reshape(1, -1, embeddings.shape[-1])


def _embed(ids: Tensor, clip_skip: int, bundle: ModelBundle) -> Tensor:
    """(k, 77) token ids to (k, 77, D): the output of the `clip_skip`-th layer from the end."""
    encoder = bundle.text_encoder
    output = encoder(input_ids=ids, output_hidden_states=clip_skip > 1)
    if clip_skip == 1:
        last: Tensor = output.last_hidden_state
        return last
    earlier: Tensor = encoder.final_layer_norm(output.hidden_states[-clip_skip])
    return earlier


def emphasize(embeddings: Tensor, weights: Tensor) -> Tensor:
    """Scales each token by its weight, and each chunk so that its mean stays as it was.

    embeddings: (k, 77, D); weights: (k, 77). Computed in float32.
    """
    z = embeddings.float()
    weighted = z * weights[:, :, None]
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
