"""CLIP's tokenizer from a model folder, through the tokenizers library alone.

Importing transformers' tokenizer classes takes over a second; the rules themselves are a few
lines (Radford et al. 2021, "Learning Transferable Visual Models", as transformers'
`CLIPTokenizer` states them).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE

from webui.core.errors import ModelFileError

BOS = "<|startoftext|>"
EOS = "<|endoftext|>"
COMMA = ",</w>"
WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d"
    r"|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


@dataclass(frozen=True, eq=False)
class ClipTokenizer:
    """Text to token ids. `comma` is None when the vocabulary has no word-final comma."""

    backend: Tokenizer
    bos: int
    eos: int
    pad: int
    comma: int | None

    def encode(self, text: str) -> list[int]:
        """Token ids of the text, without begin and end marks."""
        ids: list[int] = self.backend.encode(text, add_special_tokens=False).ids
        return ids


def load_tokenizer(folder: Path) -> ClipTokenizer:
    """Reads tokenizer.json, or vocab.json with merges.txt.

    Raises:
        ModelFileError: naming the file that is missing, unreadable or not CLIP's.
    """
    whole = folder / "tokenizer.json"
    source = whole if whole.is_file() else folder / "vocab.json"
    try:
        backend = Tokenizer.from_file(str(whole)) if source == whole else _from_parts(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelFileError(
            "error.model_unreadable", file=str(error.filename or source), reason=reason
        ) from error
    except Exception as error:
        raise ModelFileError("error.model_corrupt", file=str(source), reason=str(error)) from error
    backend.no_truncation()
    backend.no_padding()
    return _with_marks(backend, source)


def _with_marks(backend: Tokenizer, source: Path) -> ClipTokenizer:
    bos, eos = backend.token_to_id(BOS), backend.token_to_id(EOS)
    if bos is None or eos is None:
        missing = BOS if bos is None else EOS
        raise ModelFileError("error.model_corrupt", file=str(source), reason=f"{missing} ?")
    # SD1 pads with the end mark, whatever tokenizer_config.json says of a pad token.
    return ClipTokenizer(backend, bos, eos, eos, backend.token_to_id(COMMA))


def _from_parts(folder: Path) -> Tokenizer:
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split() for line in lines if line and not line.startswith("#version")]
    merges = [(pair[0], pair[1]) for pair in pairs]
    model = BPE(vocabulary, merges, unk_token=EOS, end_of_word_suffix="</w>")
    backend = Tokenizer(model)
    backend.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([BOS, EOS])
    return backend
