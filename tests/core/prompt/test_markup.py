from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.core.prompt import ExtraNetworkTag, strip_comments, take_tags


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", ""),
        ("a cat", "a cat"),
        ("a # cat", "a "),
        ("a # cat\nb", "a \nb"),
        ("# cat\nb", "b"),
        ("a\n# cat\n# dog\nb", "a\nb"),
        ("a\n\nb # c # d\n", "a\n\nb \n"),
        ("#", ""),
    ],
)
def test_comments_go_to_the_end_of_their_line(text, left):
    assert strip_comments(text) == left


@given(st.text(alphabet="a#\n ", max_size=30) | st.text(max_size=30))
def test_no_comment_is_left(text):
    left = strip_comments(text)
    assert "#" not in left
    assert strip_comments(left) == left
    assert left == text or "#" in text


def test_tags_are_taken_out_wherever_they_stand():
    left, tags = take_tags("a <lora:name:0.8:te=0.5:unet=a=b>cat, <hypernet:x> <b> <:c> <d:>")
    assert left == "a cat,  <b> <:c> <d:>"
    assert [(tag.kind, tag.arguments, dict(tag.named)) for tag in tags] == [
        ("lora", ("name", "0.8"), {"te": "0.5", "unet": "a=b"}),
        ("hypernet", ("x",), {}),
    ]
    assert all(isinstance(tag, ExtraNetworkTag) for tag in tags)


@given(st.text(alphabet="a<>:=", max_size=40) | st.text(max_size=40))
def test_any_string_is_read(text):
    left, tags = take_tags(text)
    assert (left == text) == (not tags)
    assert len(left) <= len(text) - len("<a:b>") * len(tags)


@pytest.mark.parametrize("text", ["<a:" * 100_000, "<" * 200_000, "<a:" * 50_000 + ">"])
def test_hostile_prompts_are_read(text):
    left, tags = take_tags(text)
    assert (left == text) == (not tags)
