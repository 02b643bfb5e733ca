"""Keys for Gradio's labels; the browser puts in the words of its language."""

from __future__ import annotations

import json
from collections.abc import Mapping

import gradio as gr
from gradio.i18n import I18nData


def t(key: str) -> I18nData:
    """The text behind `key`, in the viewer's language."""
    return I18nData(key)


def inline(key: str) -> str:
    """The same for the few properties that Gradio passes on as plain text (choices)."""
    return "__i18n__" + json.dumps({"__type__": "translation_metadata", "key": key})


def translations(catalogues: Mapping[str, Mapping[str, str]]) -> gr.I18n:
    """The part of the catalogues that labels use: sentences with blanks are filled elsewhere."""
    return gr.I18n(
        **{
            language: {key: text for key, text in texts.items() if "{" not in text}
            for language, texts in catalogues.items()
        }
    )
