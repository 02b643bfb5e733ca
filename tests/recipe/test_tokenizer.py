"""The tokenizer: CLIP's files, a token for every Chinese character, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from recipe import tokenizer as recipe_tokenizer
from recipe.tokenizer import BOS, EOS, POSITIONS, framed, save, train
from tokenizers import Tokenizer
from transformers import CLIPTokenizer

from webui.engine.tokenizer import load_tokenizer

TEXTS = [
    "a red apple",
    "a red hat on a red background",
    "一只戴帽子的狗",
    "狗，红色背景",
    "苹果",
] * 3


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train(TEXTS, english_merges=40)


def test_a_chinese_character_is_one_token(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("一只戴帽子的狗").ids) == 7
    dog = tokenizer.encode("狗").ids
    assert len(dog) == 1
    assert tokenizer.encode("一只戴帽子的狗").ids[-1:] == dog


def test_frequent_words_are_one_token_and_unknown_ones_are_spelled(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("red").ids) == 1
    assert tokenizer.encode("RED").ids == tokenizer.encode("red").ids
    assert len(tokenizer.encode("zyx").ids) == 3


@pytest.mark.parametrize("text", ["a red apple", "一只狗", "zygote", "é ñ 鑫 🐱", "3 cats!"])
def test_nothing_is_lost(tokenizer: Tokenizer, text: str) -> None:
    spelled = tokenizer.decode(tokenizer.encode(text).ids).replace("</w>", " ")
    assert spelled.replace(" ", "") == text.replace(" ", "")


def test_the_product_and_transformers_read_it_alike(tokenizer: Tokenizer, tmp_path: Path) -> None:
    save(tokenizer, tmp_path)
    ours, theirs = load_tokenizer(tmp_path), CLIPTokenizer.from_pretrained(tmp_path)
    again = recipe_tokenizer.load(tmp_path)
    assert ours.comma is not None or "," not in "".join(TEXTS)
    for text in [*TEXTS, "an unknown word, 鑫 and 🐱"]:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert again.encode(text, add_special_tokens=False).ids == ids
        assert ours.encode(text) == ids
        assert theirs(text).input_ids == [ours.bos, *ids, ours.eos]


def test_frames_have_77_positions_however_long_the_text(tokenizer: Tokenizer) -> None:
    bos, eos = tokenizer.token_to_id(BOS), tokenizer.token_to_id(EOS)
    empty, short, long = framed(tokenizer, ["", "狗", "狗" * 300])
    assert empty == [bos] + [eos] * (POSITIONS - 1)
    assert short[2:] == [eos] * (POSITIONS - 2)
    assert (len(long), long[0], long[-1]) == (POSITIONS, bos, eos)
    assert eos not in long[:-1]
