"""What the badge at a prompt counts, with the shipped tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from webui.services.embeddings import EmbeddingEntry, EmbeddingShelf
from webui.services.tokens import TokenCounter


@pytest.mark.parametrize(
    ("prompt", "options", "used"),
    [
        ("", {}, 0),
        ("a (red:1.2) apple # comment", {}, 3),
        ("<lora:x:1> a cat AND a red dog :0.5", {}, 3),
        ("[cat:a red dog:0.5]", {}, 3),
        ("a BREAK cat", {}, 76),
        ("a BREAK", {}, 75),
        # The comma is token 70 of the first chunk: what follows it moves to the next one.
        ("cat " * 69 + ", " + "dog " * 10, {}, 85),
        # Without brackets they are words.
        ("(cat)", {"brackets": False}, 3),
        ("a ugly-5 cat", {"embeddings": {"ugly": 9, "ugly-5": 40}}, 42),
        ("a ugly cat", {"embeddings": {"Ugly": 9, "ugly-5": 40}}, 11),
        ("cat " * 70 + "ugly", {"embeddings": {"ugly": 9}}, 84),
        ("ugly AND cat", {"embeddings": {"ugly": 9}, "negative": True}, 11),
    ],
)
def test_counts(starter_models: Path, prompt: str, options: dict[str, Any], used: int) -> None:
    folder = starter_models / "starter" / "tokenizer"
    assert TokenCounter().count(folder, prompt, **options) == (used, -(-max(used, 1) // 75) * 75)


def test_a_prompt_of_endless_variants_is_counted_in_bounded_time(starter_models: Path) -> None:
    folder = starter_models / "starter" / "tokenizer"
    turns = "|".join(map(str, range(150)))
    prompt = f"[{turns}]" + "x " * 9_000
    assert TokenCounter().count(folder, prompt, steps=150)[0] > 9_000


def test_words_are_counted_without_a_tokenizer(tmp_path: Path) -> None:
    assert TokenCounter().count(tmp_path, "a cat ugly", embeddings={"ugly": 5}) == (7, 75)


def test_files_that_are_no_embeddings_have_no_shape(tmp_path: Path) -> None:
    for name, content in {
        "empty.pt": b"",
        "text.safetensors": b"<html>",
        "zip.pt": b"PK\x03\x04" + b"\0" * 100,
        "long.bin": b"\xff" * 8 + b"{",
    }.items():
        (tmp_path / name).write_bytes(content)
    found = EmbeddingShelf(lambda: [tmp_path]).entries()
    assert found == tuple(EmbeddingEntry(n, None, None) for n in ("empty", "long", "text", "zip"))
    assert EmbeddingShelf(lambda: [tmp_path / "missing"]).entries() == ()
