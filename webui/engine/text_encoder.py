"""Prompts to the embeddings that the denoiser attends to.

Tokens are cut into chunks of 75, each encoded alone between its own begin and end mark; the
results are joined. How chunks, emphasis and clip skip work follows stable-diffusion-webui, so
that prompts keep their meaning.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from webui.core.embeddings import NameIndex
from webui.core.errors import InvalidRequest, Message
from webui.core.prompt.chunks import CHUNK, Chunk, Found, cut_into_chunks
from webui.core.request import EmphasisMode
from webui.engine.bundle import ModelBundle
from webui.engine.embeddings import Embedding, Embeddings, Files
from webui.engine.tokenizer import ClipTokenizer

CACHED_PROMPTS = 16
CACHED_TOKENS = 16 * 77
"""Longer prompts are not kept: they are rare, and each could take a hundred megabytes."""

MAX_CHUNKS = 2000
"""What the prompts of one pass may come to with all that editing makes of them: half a gigabyte."""


@dataclass(frozen=True, eq=False)
class _Encoded:
    """rows: (1, 77 * k, D). used: embeddings by name, with their digests. remarks: refused ones."""

    rows: Tensor
    used: dict[str, str]
    remarks: tuple[Message, ...]


@dataclass(frozen=True, eq=False)
class _Cut:
    """A prompt in chunks. vectors: (n, D) of its embeddings by name. The rest as in `_Encoded`."""

    pieces: list[Chunk]
    vectors: dict[str, Tensor]
    used: dict[str, str]
    remarks: tuple[Message, ...]


class PromptEncoder:
    """Encodes prompts with one model, and remembers the last ones.

    `used` (digests by name) and `remarks` tell about the embeddings in all that was encoded since
    `begin`.
    """

    def __init__(self, bundle: ModelBundle, embeddings: Embeddings | None = None) -> None:
        self._bundle = bundle
        self._embeddings = embeddings or Embeddings()
        self._cache: OrderedDict[tuple[str, int, EmphasisMode], _Encoded] = OrderedDict()
        self._files: Files = ()
        self._index = NameIndex((), bundle.tokenizer.encode)
        self.used: dict[str, str] = {}
        self.remarks: dict[str, Message] = {}

    def begin(self) -> None:
        """Forgets which embeddings were used: a job begins."""
        self.used, self.remarks = {}, {}

    def encode(
        self, prompt: str, clip_skip: int = 1, emphasis: EmphasisMode = "Original"
    ) -> Tensor:
        """(1, 77 * k, D) for a prompt of k chunks.

        Raises:
            InvalidRequest: if the text encoder has fewer than `clip_skip` layers.
        """
        return self.encode_all([prompt], clip_skip, emphasis)[prompt]

    def encode_all(
        self, prompts: Iterable[str], clip_skip: int = 1, emphasis: EmphasisMode = "Original"
    ) -> dict[str, Tensor]:
        """The same for several prompts, by prompt.

        Raises:
            InvalidRequest: as `encode`, or if they come to more than `MAX_CHUNKS` in all.
        """
        if clip_skip > self._bundle.text_layers:
            values = {"got": clip_skip, "low": 1, "high": self._bundle.text_layers}
            raise InvalidRequest(Message("error.range_whole", values, "clip_skip"))
        self._notice_files()
        return {
            prompt: self._encode(prompt, cut, clip_skip, emphasis)
            for prompt, cut in self._cut_all(prompts, clip_skip, emphasis).items()
        }

    def _notice_files(self) -> None:
        if self._files is not self._embeddings.files:
            self._files = self._embeddings.files
            self._index = NameIndex(self._embeddings.names(), self._bundle.tokenizer.encode)
            self._cache.clear()

    def _cut_all(
        self, prompts: Iterable[str], clip_skip: int, emphasis: EmphasisMode
    ) -> dict[str, _Cut | None]:
        """Chunks of each prompt, None for those that are remembered."""
        found: dict[str, _Cut | None] = {}
        total = 0
        for prompt in prompts:
            if (prompt, clip_skip, emphasis) in self._cache:
                found[prompt] = None
            elif prompt not in found:
                cut = found[prompt] = self._cut(prompt, emphasis)
                total += len(cut.pieces)
            if total > MAX_CHUNKS:
                raise InvalidRequest(
                    Message("error.prompt_variants", {"high": MAX_CHUNKS}, "prompt")
                )
        return found

    def _cut(self, prompt: str, emphasis: EmphasisMode) -> _Cut:
        used: dict[str, Embedding] = {}
        remarks: dict[str, Message] = {}
        width = self._bundle.text_encoder.config.hidden_size

        def find(ids: Sequence[int], place: int) -> Found | None:
            for name, length in self._index.at(ids, place):
                found = self._embeddings.load(name, width)
                if isinstance(found, Embedding):
                    used[name] = found
                    return Found(name, len(found.vectors), length)
                remarks[name] = found
            return None

        tokenizer = self._bundle.tokenizer
        cut = cut_into_chunks(
            prompt, tokenizer.encode, tokenizer.comma, brackets=emphasis != "None", find=find
        )
        vectors = {name: found.vectors for name, found in used.items()}
        digests = {name: found.digest for name, found in used.items()}
        return _Cut(cut.pieces, vectors, digests, tuple(remarks.values()))

    def _encode(
        self, prompt: str, cut: _Cut | None, clip_skip: int, emphasis: EmphasisMode
    ) -> Tensor:
        key = prompt, clip_skip, emphasis
        if cut is None and key not in self._cache:  # others have taken its place meanwhile
            cut = self._cut(prompt, emphasis)
        if cut is None:
            self._cache.move_to_end(key)
            encoded = self._cache[key]
        else:
            rows = _encode(cut, clip_skip, emphasis, self._bundle)
            encoded = _Encoded(rows, cut.used, cut.remarks)
            if rows.shape[1] <= CACHED_TOKENS:
                self._cache[key] = encoded
                if len(self._cache) > CACHED_PROMPTS:
                    self._cache.popitem(last=False)
        self.used.update(encoded.used)
        self.remarks.update({str(remark.values.get("name")): remark for remark in encoded.remarks})
        return encoded.rows


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


def _encode(cut: _Cut, clip_skip: int, emphasis: EmphasisMode, bundle: ModelBundle) -> Tensor:
    tokenizer, pieces = bundle.tokenizer, cut.pieces
    ids = torch.tensor([_framed(piece, tokenizer) for piece in pieces])
    weights = torch.tensor([_framed_weights(piece) for piece in pieces])
    place = bundle.device.torch_device
    with _vectors_in_place(bundle, cut):
        embeddings = _embed(ids.to(place), clip_skip, bundle)
    if emphasis in ("Original", "No norm") and bool((weights != 1).any()):
        embeddings = emphasize(embeddings, weights.to(place), keep_mean=emphasis == "Original")
    return embeddings.reshape(1, -1, embeddings.shape[-1])


@contextmanager
def _vectors_in_place(bundle: ModelBundle, cut: _Cut) -> Iterator[None]:
    """Meanwhile the text encoder finds the chunks' own vectors where their tokens stand."""

    def put(_module: object, _arguments: object, output: Any) -> Any:
        for row, piece in enumerate(cut.pieces):
            for place, name in piece.embeddings.items():
                start, vectors = 1 + place, cut.vectors[name]  # after the begin mark
                output[row, start : start + len(vectors)] = vectors.to(output)
        return output

    if not cut.vectors:
        yield
        return
    handle = bundle.text_encoder.get_input_embeddings().register_forward_hook(put)
    try:
        yield
    finally:
        handle.remove()


def _embed(ids: Tensor, clip_skip: int, bundle: ModelBundle) -> Tensor:
    """(k, 77) token ids to (k, 77, D): the output of the `clip_skip`-th layer from the end."""
    encoder = bundle.text_encoder
    output = encoder(input_ids=ids, output_hidden_states=clip_skip > 1)
    if clip_skip == 1:
        last: Tensor = output.last_hidden_state
        return last
    earlier: Tensor = encoder.final_layer_norm(output.hidden_states[-clip_skip])
    return earlier


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
