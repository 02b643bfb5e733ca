"""Styles: merging them into prompts, and finding them again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webui.core.prompt.styles import Extracted, Style, extract, merge

LIMIT = 20_000
WORDS = st.text(alphabet="ab, {}prompt", max_size=12)
PIECES = WORDS | st.builds("{}{{prompt}}{}".format, WORDS, WORDS)


@pytest.mark.parametrize(
    ("text", "pieces", "wanted"),
    [
        ("cat", [], "cat"),
        ("cat", ["oil"], "cat, oil"),
        (" cat ", [" oil "], "cat, oil"),
        ("", ["oil"], "oil"),
        ("cat", [""], "cat"),
        ("cat", ["a {prompt} in oil"], "a cat in oil"),
        ("", ["a {prompt} in oil"], "a  in oil"),
        ("cat", ["{prompt}, {prompt}!"], "cat, cat!"),
        ("cat", ["a {prompt} in oil", "best"], "a cat in oil, best"),
        ("cat", ["best", "a {prompt} in oil"], "a cat, best in oil"),
        # What a person wrote is not looked through for places.
        ("{prompt} cat", ["[{prompt}]"], "[{prompt} cat]"),
    ],
)
def test_merging(text: str, pieces: list[str], wanted: str) -> None:
    assert merge(text, pieces, LIMIT) == wanted


def test_styles_that_repeat_the_prompt_cannot_fill_the_memory() -> None:
    assert merge("cat", ["{prompt}" * 1000] * 30, LIMIT) is None
    assert merge("x" * LIMIT, ["y"], LIMIT) is None
    assert merge("x", ["y{prompt}"], 2) == "yx"


STYLES = (
    Style("oil", "in oil", "photo"),
    Style("fine oil", "fine, in oil", "photo"),
    Style("frame", "[{prompt}]", ""),
    Style("best", "", "blurry"),
    Style("divider"),
)


@pytest.mark.parametrize(
    ("prompt", "negative", "wanted"),
    [
        ("cat", "", Extracted("cat", "", ())),
        ("cat, in oil", "photo", Extracted("cat", "", ("oil",))),
        ("in oil", "photo", Extracted("", "", ("oil",))),
        # Both sides must be there.
        ("cat, in oil", "", Extracted("cat, in oil", "", ())),
        ("cat, fine, in oil", "text, photo", Extracted("cat", "text", ("fine oil",))),
        ("[cat, in oil]", "photo, blurry", Extracted("cat", "", ("oil", "frame", "best"))),
    ],
)
def test_styles_are_found_in_prompts(prompt: str, negative: str, wanted: Extracted) -> None:
    found = extract(prompt, negative, STYLES)
    assert (found.prompt, found.negative_prompt) == (wanted.prompt, wanted.negative_prompt)
    assert sorted(found.styles) == sorted(wanted.styles)


@given(
    prompt=WORDS,
    negative=WORDS,
    styles=st.lists(st.builds(Style, st.uuids().map(str), PIECES, PIECES), max_size=4),
)
@settings(max_examples=200, deadline=None)
def test_what_is_found_leads_back(prompt: str, negative: str, styles: list[Style]) -> None:
    written = merge(prompt, [s.prompt for s in styles], LIMIT) or ""
    against = merge(negative, [s.negative_prompt for s in styles], LIMIT) or ""
    found = extract(written, against, styles)
    by_name = {style.name: style for style in styles}
    used = [by_name[name] for name in found.styles]
    assert merge(found.prompt, [s.prompt for s in used], LIMIT) == written.strip()
    again = merge(found.negative_prompt, [s.negative_prompt for s in used], LIMIT)
    assert again == against.strip()
