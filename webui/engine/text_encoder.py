"""Prompts to the embeddings that the denoiser attends to.

Tokens are cut into chunks of 75, each encoded alone between its own begin and end mark; the
results are joined. How chunks, emphasis and clip skip work follows stable-diffusion-webui, so
that prompts keep their meaning.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from webui.core.embeddings import NameIndex
from webui.core.errors import InvalidRequest, Message
from webui.core.prompt.chunks import Chunk, Found, cut_into_chunks
from webui.core.request import EmphasisMode
from webui.engine.bundle import ModelBundle
from webui.engine.embeddings import Embedding, Embeddings, Files
from webui.engine.encoding import Encoding, Vectors, encode_chunks

CACHED_PROMPTS = 16
CACHED_TOKENS = 16 * 77
"""Longer prompts are not kept: they are rare, and each could take a hundred megabytes."""

MAX_CHUNKS = 2000
"""What the prompts of one pass may come to with all that editing makes of them: half a gigabyte."""


@dataclass(frozen=True, eq=False)
class _Encoded:
    """used: embeddings by name, with their digests. remarks: those refused."""

    encoding: Encoding
    used: dict[str, str]
    remarks: tuple[Message, ...]


@dataclass(frozen=True, eq=False)
class _Cut:
    """A prompt in chunks, and the vectors of its embeddings. The rest as in `_Encoded`."""

    pieces: list[Chunk]
    vectors: Vectors
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
        """(1, 77 * k, D) for a prompt of k chunks: the rows of its encoding.

        Raises:
            InvalidRequest: if the text encoder has fewer than `clip_skip` layers.
        """
        return self.encode_all([prompt], clip_skip, emphasis)[prompt].rows

    def encode_all(
        self, prompts: Iterable[str], clip_skip: int = 1, emphasis: EmphasisMode = "Original"
    ) -> dict[str, Encoding]:
        """The encodings of several prompts, by prompt.

        Raises:
            InvalidRequest: as `encode`, or if they come to more than `MAX_CHUNKS` in all.
        """
        layers = self._bundle.text_layers
        if layers is not None and clip_skip > layers:
            values = {"got": clip_skip, "low": 1, "high": layers}
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
        widths = {part.plan.slot: part.width for part in self._bundle.texts}

        def find(ids: Sequence[int], place: int) -> Found | None:
            for name, length in self._index.at(ids, place):
                found = self._embeddings.load(name, widths)
                if isinstance(found, Embedding):
                    used[name] = found
                    return Found(name, found.count, length)
                remarks[name] = found
            return None

        tokenizer = self._bundle.tokenizer
        cut = cut_into_chunks(
            prompt, tokenizer.encode, tokenizer.comma, brackets=emphasis != "None", find=find
        )
        vectors = {
            slot: {name: found.vectors[slot] for name, found in used.items()} for slot in widths
        }
        digests = {name: found.digest for name, found in used.items()}
        return _Cut(cut.pieces, vectors, digests, tuple(remarks.values()))

    def _encode(
        self, prompt: str, cut: _Cut | None, clip_skip: int, emphasis: EmphasisMode
    ) -> Encoding:
        key = prompt, clip_skip, emphasis
        if cut is None and key not in self._cache:  # others have taken its place meanwhile
            cut = self._cut(prompt, emphasis)
        if cut is None:
            self._cache.move_to_end(key)
            encoded = self._cache[key]
        else:
            encoding = encode_chunks(cut.pieces, cut.vectors, clip_skip, emphasis, self._bundle)
            encoded = _Encoded(encoding, cut.used, cut.remarks)
            if encoding.rows.shape[1] <= CACHED_TOKENS:
                self._cache[key] = encoded
                if len(self._cache) > CACHED_PROMPTS:
                    self._cache.popitem(last=False)
        self.used.update(encoded.used)
        self.remarks.update({str(remark.values.get("name")): remark for remark in encoded.remarks})
        return encoded.encoding
