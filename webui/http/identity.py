"""Who asks, and in which language. The gate writes both into the request's own headers.

Headers reach every place that handles a request, Gradio's queue included. The gate removes
what a client may have sent under these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from webui.services.accounts import LOCAL

OWNER_HEADER = "x-inkstone-owner"
LANGUAGE_HEADER = "x-inkstone-language"
SESSION_COOKIE = "inkstone_session"
LANGUAGE_COOKIE = "inkstone_lang"


def owner_of(headers: Mapping[str, str]) -> str:
    """The account's name (percent-encoded on its way here); `LOCAL` without accounts."""
    return unquote(headers.get(OWNER_HEADER, LOCAL))


def language_of(headers: Mapping[str, str]) -> str:
    """The language for this viewer, already settled by the gate."""
    return headers.get(LANGUAGE_HEADER, "en")
