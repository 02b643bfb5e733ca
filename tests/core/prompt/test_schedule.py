from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webui.core.prompt import parse_schedule

SYNTAX = st.text(alphabet="ab[]()::||.013 \\\n", max_size=60)


def edited(text: str, **options: object) -> list[tuple[int, str]]:
    return parse_schedule(text, 10, **options)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", [(10, "")]),
        ("plain, (text:1.2) and [less]", [(10, "plain, (text:1.2) and [less]")]),
        ("a [b:3]", [(3, "a "), (10, "a b")]),
        ("[a:b:3]", [(3, "a"), (10, "b")]),
        ("[a::3]", [(3, "a"), (10, "")]),
        ("[::3]", [(3, ""), (10, "")]),
        ("a [b : c : 1 ] d", [(1, "a b  d"), (10, "a  c  d")]),
        ("[a\n:b\n:\n3\n]", [(3, "a\n"), (10, "b\n")]),
        ("a[b:[c:d:2]:1]e", [(1, "abe"), (2, "ace"), (10, "ade")]),
        ("[a:3] [b:5]", [(3, " "), (5, "a "), (10, "a b")]),
        ("[a:b:3] [c:d:3]", [(3, "a c"), (10, "b d")]),
        ("a [[[b]]:2]", [(2, "a "), (10, "a [[b]]")]),
        ("[(a:2):3]", [(3, ""), (10, "(a:2)")]),
        ("([a:b:3]:1.2)", [(3, "(a:1.2)"), (10, "(b:1.2)")]),
        (r"[a\:x:b\]:3]", [(3, r"a\:x"), (10, r"b\]")]),
    ],
)
def test_editing(text, wanted):
    assert edited(text) == wanted


@pytest.mark.parametrize(
    ("number", "last"),
    [
        (".5", 5),
        ("0.55", 5),
        ("+.5", 5),
        ("3.", 10),
        ("0.05", None),
        ("0", None),
        ("-3", None),
        ("-0.5", None),
        ("1", 1),
        ("9", 9),
        ("1e1", 10),
        ("2e-1", None),
        ("1.0", 10),
        ("11", 10),
        ("1e309", 10),
        ("1.0e309", 10),
        ("-1e309", None),
        ("9" * 5_000, 10),
    ],
)
def test_the_number_is_a_step_or_with_a_point_a_share(number, last):
    wanted = [(10, "b")] if last is None else [(10, "a")] if last == 10 else [(last, "a")]
    assert edited(f"[a:b:{number}]")[:1] == wanted
    assert edited(f"[a:b:{number}]")[-1] == (10, "a" if last == 10 else "b")


@pytest.mark.parametrize(
    "number", ["x", "", "1 2", "1.5.5", "- 1", "--1", "٣", "1_0", "inf", "nan"]
)
def test_what_is_no_number_leaves_brackets_as_they_are(number):
    assert edited(f"[a:b:{number}] [c:d:3]") == [
        (3, f"[a:b:{number}] c"),
        (10, f"[a:b:{number}] d"),
    ]


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("[a|b]", ["a", "b"]),
        ("[fe|]male", ["female", "male"]),
        ("[fe|||]male", ["female", "male", "male", "male"]),
        ("[|]", ["", ""]),
        ("x [a|(b:1.1)|[c]]", ["x a", "x (b:1.1)", "x [c]"]),
        ("[a|[b|c]]", ["a", "c"]),
        ("[[x|y]|[b|c|d]]", ["x", "c", "x", "b", "x", "d"]),
        ("[a|[b:c:3]]", ["a", "b", "a", "c", "a", "c", "a", "c", "a", "c"]),
        ("[[a|b]:c:4]", ["a", "b", "a", "b", "c", "c", "c", "c", "c", "c"]),
    ],
)
def test_alternation_takes_turns_step_by_step(text, turns):
    wanted = [(step, turns[(step - 1) % len(turns)]) for step in range(1, 11)]
    assert edited(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "a | b [c:d:3]",
        "[a|b:3] [c:d:3]",
        "[a:b|c:3]",
        "[(a|b)] [c:d:3]",
        "[c:d:3] [x|y",
        "[c:d:3] [x|y)",
        "[c:d:3] \\",
        "[c:d:3] \\\n",
        "[a:b:c:3]",
        "(a:[b:c:3]:1.2)",
        "a [unbalanced",
        "[a:b:3",
        "[a:(b:c:d):3]",
        "[a)b:3]",
        "(a:b:3)",
    ],
)
def test_what_the_grammar_cannot_read_stays_as_it_is(text):
    assert edited(text) == [(10, text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("((a][:b:c [d:3]", [(3, "((a][:b:c "), (10, "((a][:b:c d")]),
        ("[a:b:c:3] [x:y:5]", [(5, "[a:b:c:3] x"), (10, "[a:b:c:3] y")]),
        ("style: [x:y:5], (z", [(5, "style: x, (z"), (10, "style: y, (z")]),
        ("[[a:b:3]", [(3, "[a"), (10, "[b")]),
    ],
)
def test_brackets_and_colons_without_a_meaning_do_not_hinder_others(text, wanted):
    assert edited(text) == wanted


@pytest.mark.parametrize(
    ("number", "first_pass", "hires_pass"),
    [
        (".5", 10, 0),
        ("1.0", 20, 0),
        ("1.5", 20, 5),
        ("2.0", 20, 10),
        ("7", 7, 0),
        ("20", 20, 0),
        ("25", 20, 5),
        ("99", 20, 10),
    ],
)
def test_a_hires_pass_goes_on_where_the_first_ended(number, first_pass, hires_pass):
    text = f"[a:b:{number}]"
    assert switch(parse_schedule(text, 20)) == first_pass
    assert switch(parse_schedule(text, 10, base_steps=20)) == hires_pass


@pytest.mark.parametrize(("number", "last"), [(".5", 5), ("0.25", 2), ("1.0", 1), ("7", 7)])
def test_old_timelines_begin_again_in_each_pass(number, last):
    text = f"[a:b:{number}]"
    assert switch(parse_schedule(text, 10, old_timelines=True)) == last
    assert switch(parse_schedule(text, 10, base_steps=20, old_timelines=True)) == last


def switch(schedule: list[tuple[int, str]]) -> int:
    return max((last for last, text in schedule if text == "a"), default=0)


@settings(deadline=None)
@given(SYNTAX | st.text(max_size=60), st.integers(1, 300))
def test_any_string_is_read(text, steps):
    schedule = parse_schedule(text, steps)
    ends = [last for last, _ in schedule]
    assert ends == sorted(set(ends))
    assert ends[0] >= 1
    assert ends[-1] == steps
    assert all(len(variant) <= len(text) for _, variant in schedule)
    if not re.search(r":[^:]*\]|\|", text):
        assert schedule == [(steps, text)]


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=5), st.integers(1, 40))
def test_turns_are_those_of_the_step(options, steps):
    schedule = parse_schedule(f"[{'|'.join(options)}]", steps)
    assert schedule == [(n, options[(n - 1) % len(options)]) for n in range(1, steps + 1)]


@given(
    st.recursive(
        st.text(alphabet="ab ,", max_size=4),
        lambda inner: (
            st.builds("[{}:{}:{}]".format, inner, inner, st.integers(-1, 12))
            | st.builds("{}({}:1.2)".format, inner, inner)
            | st.builds("{}[{}]".format, inner, inner)
        ),
        max_leaves=8,
    )
)
def test_editing_leaves_no_trace_of_itself(text):
    """What well-formed editing leaves has nothing left to edit."""
    for _, variant in edited(text):
        assert edited(variant) == [(10, variant)]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        "[" * 50_000 + "a" + "]" * 50_000,
        "[a|" * 30_000 + "b" + "]" * 30_000,
        "[a:" * 30_000 + "b" + ":3]" * 30_000,
        "(" * 30_000 + ":" * 30_000 + ")" * 30_000,
        "(a:" * 30_000 + ")" * 30_000,
        "[a:b:3]" * 20_000,
        "\\" * 100_001,
    ],
)
def test_hostile_prompts_are_read(text):
    assert edited(text)[-1][0] == 10
