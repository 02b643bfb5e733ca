"""Prompts to embeddings: chunks, emphasis and clip skip, against transformers' own classes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import CLIPTextModel, CLIPTokenizer

from webui.core.errors import InvalidRequest
from webui.core.prompt.chunks import CHUNK, cut_into_chunks
from webui.engine.bundle import ModelBundle
from webui.engine.encoding import emphasize, even_out
from webui.engine.text_encoder import (
    CACHED_PROMPTS,
    MAX_CHUNKS,
    PromptEncoder,
)

pytestmark = pytest.mark.usefixtures("_inference")


@pytest.fixture
def _inference():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def their_tokenizer(tiny_folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(tiny_folder / "tokenizer", local_files_only=True)


@pytest.fixture(scope="module")
def their_encoder(tiny_folder: Path) -> CLIPTextModel:
    return CLIPTextModel.from_pretrained(tiny_folder / "text_encoder", local_files_only=True)


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(max_examples=150, deadline=None)
def test_tokens_are_those_of_transformers(
    tiny: ModelBundle, their_tokenizer: CLIPTokenizer, text: str
) -> None:
    theirs = their_tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tiny.tokenizer.encode(text) == theirs


@pytest.mark.parametrize("text", ["", "a cat", "  A  Cat, 狗! ", "it's 100% caté\nnew line"])
def test_shipped_tokenizer_is_that_of_transformers(
    starter: ModelBundle, starter_models: Path, text: str
) -> None:
    folder = starter_models / "starter" / "tokenizer"
    theirs = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    assert starter.tokenizer.encode(text) == theirs(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("prompt", ["", "a cat", "cat " * 75])
@pytest.mark.parametrize("clip_skip", [1, 2, 3])
def test_one_chunk_is_what_transformers_computes(
    tiny: ModelBundle,
    their_tokenizer: CLIPTokenizer,
    their_encoder: CLIPTextModel,
    prompt: str,
    clip_skip: int,
) -> None:
    ids = their_tokenizer(
        prompt, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    )["input_ids"]
    output = their_encoder(ids, output_hidden_states=True)
    wanted = their_encoder.final_layer_norm(output.hidden_states[-clip_skip])
    got = PromptEncoder(tiny).encode(prompt, clip_skip)
    assert got.shape == (1, 77, 32)
    assert torch.allclose(got, wanted, atol=1e-5)


def test_more_clip_skip_than_layers_is_refused_at_the_field(tiny: ModelBundle) -> None:
    with pytest.raises(InvalidRequest) as caught:
        PromptEncoder(tiny).encode("a cat", 4)
    assert caught.value.message.field == "clip_skip"
    assert caught.value.message.values["high"] == 3


@pytest.mark.parametrize(
    ("prompt", "lengths"),
    [
        ("", [0]),
        ("cat " * 75, [75]),
        ("cat " * 76, [75, 1]),
        ("cat BREAK dog", [1, 1]),
        ("cat BREAK BREAK dog", [1, 0, 1]),
        ("BREAK cat", [0, 1]),
        ("cat BREAK", [1]),
        # The comma is token 70 of the first chunk, so what follows moves over with the rest.
        ("cat " * 69 + ", " + "dog " * 10, [70, 10]),
        # 21 tokens after the comma: too far back, the chunk is simply cut.
        ("cat " * 54 + ", " + "dog " * 30, [75, 10]),
        ("cat " * 55 + ", " + "dog " * 30, [56, 30]),
        # A comma that does not fit itself stays with the next chunk, and moves nothing.
        ("cat " * 60 + ", " + "cat " * 14 + ", dog", [75, 2]),
    ],
)
def test_chunks_are_cut_where_users_expect(
    tiny: ModelBundle, prompt: str, lengths: list[int]
) -> None:
    pieces = cut_into_chunks(prompt, tiny.tokenizer.encode, tiny.tokenizer.comma).pieces
    assert [len(chunk.tokens) for chunk in pieces] == lengths


@given(prompt=st.text(alphabet="cat dog,()[]:1.\\BREAK ", max_size=400))
@settings(max_examples=100, deadline=None)
def test_no_prompt_loses_tokens(tiny: ModelBundle, prompt: str) -> None:
    pieces = cut_into_chunks(prompt, tiny.tokenizer.encode, tiny.tokenizer.comma).pieces
    assert all(len(piece.tokens) <= CHUNK for piece in pieces)
    assert all(len(piece.tokens) == len(piece.weights) for piece in pieces)


def test_long_prompts_are_their_chunks_joined(tiny: ModelBundle) -> None:
    encoder = PromptEncoder(tiny)
    got = encoder.encode("cat " * 75 + "dog dog")
    wanted = torch.cat([encoder.encode("cat " * 75), encoder.encode("dog dog")], dim=1)
    assert got.shape == (1, 154, 32)
    assert torch.allclose(got, wanted, atol=1e-6)


def test_emphasis_scales_tokens_and_keeps_the_mean(tiny: ModelBundle) -> None:
    encoder = PromptEncoder(tiny)
    plain, strong = encoder.encode("a cat"), encoder.encode("a (cat:1.5)")
    weights = torch.ones(1, 77)
    weights[0, 2] = 1.5
    assert torch.allclose(strong, emphasize(plain, weights), atol=1e-6)
    assert float(strong.mean()) == pytest.approx(float(plain.mean()), rel=1e-4)
    ratio = strong / plain
    assert float((ratio[0, 2] / ratio[0, 0]).median()) == pytest.approx(1.5, rel=1e-3)
    assert float((ratio[0, 3] / ratio[0, 0]).median()) == pytest.approx(1.0, rel=1e-3)


def test_emphasis_of_one_changes_nothing(tiny: ModelBundle) -> None:
    encoder = PromptEncoder(tiny)
    assert torch.equal(encoder.encode("a (cat:1.0)"), encoder.encode("a cat"))


def test_no_norm_scales_tokens_and_nothing_else(tiny: ModelBundle) -> None:
    encoder = PromptEncoder(tiny)
    plain, strong = encoder.encode("a cat"), encoder.encode("a (cat:1.5)", 1, "No norm")
    weights = torch.ones(1, 77, 1)
    weights[0, 2] = 1.5
    assert torch.equal(strong, plain * weights)
    assert not torch.allclose(strong, encoder.encode("a (cat:1.5)"), atol=1e-4)


def test_ignore_reads_weights_and_brackets_and_drops_them(tiny: ModelBundle) -> None:
    encoder = PromptEncoder(tiny)
    ignored = encoder.encode("a ((cat:1.5) BREAK [dog]) BREAK dog", 1, "Ignore")
    assert torch.equal(ignored, encoder.encode("a cat BREAK dog BREAK dog"))


def test_none_takes_brackets_weights_and_breaks_as_text(tiny: ModelBundle) -> None:
    encoder = PromptEncoder(tiny)
    got = encoder.encode("a (cat:1.5) \\\\ BREAK [dog]", 1, "None")
    assert torch.equal(got, encoder.encode("a \\(cat:1.5\\) \\\\\\\\ bre\\ak \\[dog\\]"))


def test_prompts_that_would_fill_the_memory_are_refused(tiny: ModelBundle) -> None:
    many = [f"{number} BREAK " * (MAX_CHUNKS // 20) for number in range(20)]
    with pytest.raises(InvalidRequest) as caught:
        PromptEncoder(tiny).encode_all([*many, "one more"])
    assert caught.value.message.key == "error.prompt_variants"


def test_encodings_are_brought_to_one_length_with_empty_chunks(tiny: ModelBundle) -> None:
    encoder = PromptEncoder(tiny)
    empty, short, long = (encoder.encode(text) for text in ("", "dog", "cat " * 160))
    evened = even_out([short, long, empty], empty)
    assert [encoding.shape for encoding in evened] == [(1, 231, 32)] * 3
    assert torch.equal(evened[0], torch.cat([short, empty, empty], dim=1))
    assert evened[1] is long
    assert even_out([short, empty], None) == (short, empty)


def test_encodings_are_remembered_and_forgotten_in_turn(tiny: ModelBundle) -> None:
    encoder = PromptEncoder(tiny)
    first = encoder.encode("cat")
    assert encoder.encode("cat") is first
    assert encoder.encode("cat", 2) is not first
    for index in range(CACHED_PROMPTS):
        encoder.encode(f"dog {index}")
    assert encoder.encode("cat") is not first
