from __future__ import annotations

import json

import pytest

from webui.core.errors import Message
from webui.services.localisation import Localiser
from webui.services.localised import localised


@pytest.fixture
def localiser(tmp_path):
    texts = {"hello": "Hello {name}", "only.en": "English", "language.name": "English"}
    (tmp_path / "en.json").write_text(json.dumps(texts))
    (tmp_path / "zh-CN.json").write_text(json.dumps({"hello": "你好，{name}"}), encoding="utf-8")
    (tmp_path / "broken.json").write_text("{")
    return Localiser(tmp_path)


def test_text_falls_back_to_english_and_then_to_the_key(localiser):
    assert localiser.text("hello", "zh-CN", name="砚") == "你好，砚"
    assert localiser.text("only.en", "zh-CN") == "English"
    assert localiser.text("no.such", "en") == "no.such"
    assert localiser.text("hello", "broken", name="x") == "Hello x"
    assert localiser.text("hello", "en") == "Hello {name}", "a missing value is shown, not raised"


def test_values_are_inserted_as_they_are(localiser):
    assert localiser.text("hello", "en", name="{name.__class__} {0}") == (
        "Hello {name.__class__} {0}"
    )


@pytest.mark.parametrize(
    ("accept", "chosen", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh-CN"),
        ("zh-SG", "", "zh-CN"),
        ("de-DE,de;q=0.9,zh;q=0.5,en;q=0.7", "", "en"),
        ("fr", "", "en"),
        ("en", "zh-CN", "zh-CN"),
        ("en", "klingon", "en"),
        (";q=,,q=x;;,zh;q=oops", "", "zh-CN"),
        ("", "", "en"),
    ],
)
def test_the_language_follows_the_choice_then_the_browser(localiser, accept, chosen, language):
    assert localiser.negotiate(accept, chosen) == language


def test_views_get_their_messages_in_the_viewers_language(localiser):
    error = Message("hello", {"name": "Bob"}).to_json()
    view = {"jobs": [{"error": error, "request": {"error": error}}], "n": 1}
    filled = localised(view, localiser, "zh-CN")
    assert filled["jobs"][0]["error"]["text"] == "你好，Bob"
    assert filled["jobs"][0]["request"] == {"error": error}
    assert "text" not in error
