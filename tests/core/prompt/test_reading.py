from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from webui.core.prompt import Part, count_parts, read_negative, read_prompt


def test_comments_tags_parts_and_editing_are_read_in_this_order():
    text = "[a:b<x:1>:0.5] # :0.3 AND\n :2 AND c # d"
    assert read_prompt(text, 10) == (
        Part(((5, "a"), (10, "b")), 2.0),
        Part(((10, "c"),), 1.0),
    )


def test_parts_that_say_the_same_are_one():
    assert read_prompt("a:0.25 AND b AND a :0.5", 10) == (
        Part(((10, "a"),), 0.75),
        Part(((10, "b"),), 1.0),
    )
    assert len(read_prompt("a AND " * 500, 10)) == 2


def test_different_parts_are_counted():
    assert count_parts("a AND b <x:y AND z> AND a :0.5 # AND c") == 2
    assert count_parts("") == 1


def test_negative_prompts_know_neither_and_nor_tags():
    assert read_negative("a AND b:0.5 <x:y> #c", 10) == ((10, "a AND b:0.5 <x:y> "),)
    assert read_negative("[a:b:5]", 10) == ((5, "a"), (10, "b"))


def test_a_hires_pass_is_read_with_its_own_timeline():
    assert read_prompt("[a:b:1.5]", 10, base_steps=20)[0].schedule == ((5, "a"), (10, "b"))
    assert read_negative("[a:b:25]", 10, base_steps=20) == ((5, "a"), (10, "b"))


@given(st.text(alphabet="aAND#<>:[]()|.01 \n\\", max_size=60) | st.text(max_size=60))
def test_any_string_is_read(text):
    assert read_prompt(text, 7)
    assert all(part.schedule[-1][0] == 7 for part in read_prompt(text, 7))
    assert read_negative(text, 7)[-1][0] == 7
