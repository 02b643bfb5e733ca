from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webui.core.prompt import BREAK, BREAK_WEIGHT, parse_emphasis


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("plain", [("plain", 1.0)]),
        ("", [("", 1.0)]),
        ("a (b) c", [("a ", 1.0), ("b", 1.1), (" c", 1.0)]),
        ("((x:1.5))", [("x", 1.65)]),
        ("[x]", [("x", 1 / 1.1)]),
        ("(x: -0.5 )", [("x", -0.5)]),
        ("[x:1.5]", [("x:1.5", 1 / 1.1)]),
        ("(x:1.5.5)", [("x:1.5.5", 1.1)]),
        (r"\(a\) \\", [(r"(a) " + "\\", 1.0)]),
        ("lone\\", [("lone", 1.0)]),
        ("(open", [("open", 1.1)]),
        ("stray)]", [("stray)]", 1.0)]),
        ("(a)(b)", [("ab", 1.1)]),
        ("a BREAK b", [("a", 1.0), (BREAK, BREAK_WEIGHT), ("b", 1.0)]),
        ("(a BREAK b)", [("a", 1.1), (BREAK, BREAK_WEIGHT), ("b", 1.1)]),
        ("BREAKfast", [("BREAKfast", 1.0)]),
    ],
)
def test_syntax(text, runs):
    parsed = parse_emphasis(text)
    assert [run for run, _ in parsed] == [run for run, _ in runs]
    assert [weight for _, weight in parsed] == pytest.approx([weight for _, weight in runs])


@settings(deadline=None)
@given(st.text(alphabet="ab()[]:.1-+\\ \nBREAK", max_size=60) | st.text(max_size=60))
def test_any_string_is_read_and_nothing_but_syntax_is_lost(text):
    runs = parse_emphasis(text)
    assert runs
    assert all(math.isfinite(weight) for _, weight in runs)
    kept = "".join(run for run, _ in runs)
    assert len(kept) <= len(text)
    if not set(text) & set("()[]\\") and BREAK not in text:
        assert kept == text


@pytest.mark.parametrize("text", ["(" * 10_000, "(" * 10_000 + "a" + ")" * 10_000, "[(" * 50_000])
def test_deep_nesting_stays_finite(text):
    assert all(math.isfinite(weight) for _, weight in parse_emphasis(text))
