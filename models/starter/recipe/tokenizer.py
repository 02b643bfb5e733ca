"""CLIP's kind of tokenizer, trained on the captions: BPE for English, a token per Chinese sign.

No merge joins two Chinese characters, so that every character is shared by all captions that
hold it: 一只戴帽子的狗 is nine tokens, and 狗 the same one as alone.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

BOS, EOS = "<|startoftext|>", "<|endoftext|>"
END = "</w>"
POSITIONS = 77
WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d"
    r"|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)
CHINESE = re.compile(r"[^\x00-\u024f]")
Merge = tuple[str, str]


def train(texts: Iterable[str], *, english_merges: int) -> Tokenizer:
    """A tokenizer for these texts. Every other text still has tokens: its bytes."""
    words: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for text in texts:
        for word in re.findall(r"[a-z]+|[^\x00-\u024f]", text.lower()):
            (characters if CHINESE.match(word) else words)[word] += 1
    merges = _english(words, english_merges)
    for character, _ in sorted(characters.items(), key=lambda item: (-item[1], item[0])):
        merges += _chinese(character)
    return assemble(list(dict.fromkeys(merges)))


def _english(words: Counter[str], wanted: int) -> list[Merge]:
    """Byte-pair merges, the most frequent pair first (Sennrich et al. 2016)."""
    spelled = {word: [*word[:-1], word[-1] + END] for word in words}
    merges: list[Merge] = []
    while len(merges) < wanted:
        pairs: Counter[Merge] = Counter()
        for word, parts in spelled.items():
            for pair in pairwise(parts):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        if pairs[best] < 2:
            break
        merges.append(best)
        for word, parts in spelled.items():
            spelled[word] = _merged(parts, best)
    return merges


def _merged(parts: Sequence[str], pair: Merge) -> list[str]:
    done: list[str] = []
    for part in parts:
        if done and (done[-1], part) == pair:
            done[-1] += part
        else:
            done.append(part)
    return done


def _chinese(character: str) -> list[Merge]:
    """The bytes of a character to one token, inside a word and at its end."""
    (spelled,) = ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(character)
    parts = list(spelled[0])
    merges: list[Merge] = []
    for ending in ("", END):
        last = [*parts[:-1], parts[-1] + ending]
        while len(last) > 1:
            merges.append((last[0], last[1]))
            last = [last[0] + last[1], *last[2:]]
    return merges


def assemble(merges: Sequence[Merge]) -> Tokenizer:
    """The tokenizer with these merges, in CLIP's order: bytes, bytes at a word's end, merges."""
    alphabet = sorted(ByteLevel.alphabet())
    tokens = [*alphabet, *(letter + END for letter in alphabet)]
    tokens += ["".join(pair) for pair in merges] + [BOS, EOS]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    model = BPE(vocabulary, list(merges), unk_token=EOS, end_of_word_suffix=END)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([BOS, EOS])
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes CLIP's files: vocab.json, merges.txt, tokenizer_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.model.save(str(folder))
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": POSITIONS,
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": EOS,
        "unk_token": EOS,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def load(folder: Path) -> Tokenizer:
    """Reads what `save` wrote."""
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split(" ") for line in lines if line and not line.startswith("#version")]
    return assemble([(pair[0], pair[1]) for pair in pairs])


def framed(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """77 token ids a text: begin, the text, and end marks to the last position."""
    bos, eos = _id(tokenizer, BOS), _id(tokenizer, EOS)
    rows = []
    for encoded in tokenizer.encode_batch(list(texts), add_special_tokens=False):
        ids = encoded.ids[: POSITIONS - 2]
        rows.append([bos, *ids, *[eos] * (POSITIONS - 1 - len(ids))])
    return rows


def _id(tokenizer: Tokenizer, token: str) -> int:
    found = tokenizer.token_to_id(token)
    if found is None:
        raise ValueError(f"{token} is not in the vocabulary")
    return found
