from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.core.prompt import parse_and


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", [("", 1.0)]),
        ("a cat", [("a cat", 1.0)]),
        ("a AND b", [("a", 1.0), (" b", 1.0)]),
        ("a:0.7 AND b :-1 AND c", [("a", 0.7), (" b", -1.0), (" c", 1.0)]),
        ("a :.5", [("a", 0.5)]),
        ("a: 2. ", [("a", 2.0)]),
        ("a:+1", [("a", 1.0)]),
        ("a:1:2", [("a:1", 2.0)]),
        ("(b:1.2)", [("(b:1.2)", 1.0)]),
        ("a:", [("a:", 1.0)]),
        ("a:1e3", [("a:1e3", 1.0)]),
        ("a:1.5.5", [("a:1.5.5", 1.0)]),
        (":0.5", [("", 0.5)]),
        ("aAND b and c ANDY", [("aAND b and c ANDY", 1.0)]),
        ("AND", [("", 1.0), ("", 1.0)]),
        ("a\nAND\nb\n", [("a", 1.0), ("\nb", 1.0)]),
        ("[a AND b:3]", [("[a", 1.0), (" b:3]", 1.0)]),
        ("a:" + "9" * 400, [("a", 1e6)]),
        ("a:-" + "9" * 400, [("a", -1e6)]),
    ],
)
def test_parts_and_weights(text, parts):
    assert parse_and(text) == parts


@given(st.text(alphabet="aAND :.01+-\n", max_size=40) | st.text(max_size=40))
def test_any_string_is_read(text):
    parts = parse_and(text)
    assert parts
    assert all(math.isfinite(weight) for _, weight in parts)
    assert all(part == part.rstrip() for part, _ in parts)


@pytest.mark.parametrize("text", ["a AND " * 500, ": " * 50_000, "1" * 100_000, "AND" * 50_000])
def test_hostile_prompts_are_read(text):
    assert len(parse_and(text)) == text.count("a AND") + 1
