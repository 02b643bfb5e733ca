"""Every text exists in every language, and every text is used."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.keys import BLANK, blanks, catalogue, used_keys
from tests.architecture.source import WEBUI, name_of, product_files, tree
from webui.core.request import PARAMETERS

NAMES = {"VAE", "Eta", "Python", "Torch", "diffusers", "txt2img"}
"""Words that are the same in Chinese."""

SPEAKERS = {"say", "tell", "_say", "InkstoneError", "ModelFileError", "StorageError", "NotFound"}
SPEAKERS |= {"DownloadError", "TooLarge"}
WORDMARK = "Inkstone 砚"
VISIBLE = {"label", "placeholder", "info", "title", "value"}


@pytest.fixture(scope="module")
def english() -> dict[str, str]:
    return catalogue("en")


@pytest.fixture(scope="module")
def chinese() -> dict[str, str]:
    return catalogue("zh-CN")


def test_both_languages_have_the_same_keys(
    english: dict[str, str], chinese: dict[str, str]
) -> None:
    assert sorted(english) == sorted(chinese)


def test_both_languages_have_the_same_blanks(
    english: dict[str, str], chinese: dict[str, str]
) -> None:
    different = [key for key in english if blanks(english[key]) != blanks(chinese[key])]
    assert not different


def test_chinese_is_translated(english: dict[str, str], chinese: dict[str, str]) -> None:
    same = [
        key
        for key, text in english.items()
        if chinese[key] == text
        and text not in NAMES
        and re.search(r"[A-Za-z]", BLANK.sub("", text))
    ]
    assert not same


def test_every_used_key_exists(english: dict[str, str]) -> None:
    missing = {key: place for key, place in used_keys().items() if key not in english}
    assert not missing


def test_every_key_is_used(english: dict[str, str]) -> None:
    assert not sorted(set(english) - set(used_keys()))


def test_every_parameter_has_a_label(english: dict[str, str]) -> None:
    assert not [p.label for p in PARAMETERS.values() if p.label not in english]


def test_the_blanks_of_a_text_are_filled_where_it_is_said(english: dict[str, str]) -> None:
    unfilled = {}
    for path in product_files():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and (said := spoken(node)):
                key, values = said
                if key in english and blanks(english[key]) - values:
                    place = f"{name_of(path)}:{node.lineno} {key}"
                    unfilled[place] = blanks(english[key]) - values
    assert not unfilled


def spoken(call: ast.Call) -> tuple[str, set[str]] | None:
    """The key and the names of the values of a call that says a text; None if unknowable."""
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    key = call.args[0] if call.args else None
    if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
        return None
    if name == "Message":
        values = call.args[1] if len(call.args) > 1 else ast.Dict(keys=[], values=[])
        if not isinstance(values, ast.Dict) or not all(
            isinstance(part, ast.Constant) for part in values.keys
        ):
            return None
        return key.value, {part.value for part in values.keys}
    if name not in SPEAKERS or any(keyword.arg is None for keyword in call.keywords):
        return None
    return key.value, {keyword.arg for keyword in call.keywords}


def test_no_control_carries_a_literal_text() -> None:
    found = []
    for path in sorted((WEBUI / "ui").rglob("*.py")):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and is_gradio(node.func):
                found += [
                    f"{name_of(path)}:{argument.lineno} {argument.value!r}"
                    for argument in (
                        *node.args,
                        *(k.value for k in node.keywords if k.arg in VISIBLE),
                    )
                    if isinstance(argument, ast.Constant)
                    and isinstance(argument.value, str)
                    and argument.value != WORDMARK
                    and re.search(r"\w\w", argument.value)
                ]
    assert not found


def is_gradio(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "gr"
    )
