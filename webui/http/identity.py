"""Who asks, and in which language. The gate writes both into the request's own headers.

Headers reach every place that handles a request, Gradio's queue included. The gate removes
what a client may have sent under these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import unquote

from webui.services.accounts import LOCAL

OWNER_HEADER = "x-inkstone-owner"
MEANS_HEADER = "x-inkstone-means"
LANGUAGE_HEADER = "x-inkstone-language"
SESSION_COOKIE = "inkstone_session"
LANGUAGE_COOKIE = "inkstone_lang"

CLIENTS = ("/sdapi/", "/internal/")
"""Routes for clients of stable-diffusion-webui, which know another form of errors."""

PEOPLE = frozenset({"session", "basic"})
"""How somebody shows who he is with a password of his own."""


def owner_of(headers: Mapping[str, str]) -> str:
    """The account's name (percent-encoded on its way here); `LOCAL` without accounts."""
    return unquote(headers.get(OWNER_HEADER, LOCAL))


def language_of(headers: Mapping[str, str]) -> str:
    """The language for this viewer, already settled by the gate."""
    return headers.get(LANGUAGE_HEADER, "en")


def by_password(headers: Mapping[str, str]) -> bool:
    """Whether it is the person, not a program with a token."""
    return headers.get(MEANS_HEADER) in PEOPLE


def cookies(headers: Mapping[str, str]) -> dict[str, str]:
    """The cookies by name; none when the header is malformed."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}
