"""What a browser may do with our answers (Content-Security-Policy and its neighbours).

An answer is inert unless it says otherwise: the page, and the pages of the login and of the
loading, have policies of their own.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from types import MappingProxyType

INERT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
"""For data, pictures and files: nothing is loaded or run, even if one opens them in a tab."""

SECURITY_HEADERS = MappingProxyType(
    {
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "x-frame-options": "DENY",
        "cross-origin-resource-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "content-security-policy": INERT,
    }
)

_INLINE = re.compile(rb"<script(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL)
_DATA = re.compile(rb"type=\"?application/(?:ld\+)?json")


def page_policy(html: bytes) -> str:
    """The policy of the page with the user interface.

    Scripts come from this server, or stand in `html` as they were sent (by their hashes). Gradio
    makes the functions of its events from texts, which is eval to a browser; and it writes style
    elements and attributes as it goes.
    """
    return _policy(
        {
            "base-uri": ["'self'"],
            "script-src": ["'self'", "'unsafe-eval'", *_hashes(html)],
            "style-src": ["'self'", "'unsafe-inline'"],
            "img-src": ["'self'", "data:", "blob:"],
            "font-src": ["'self'", "data:"],
            "connect-src": ["'self'", "data:", "blob:"],
            "manifest-src": ["'self'"],
            "form-action": ["'self'"],
        }
    )


def plain_policy(style: str) -> str:
    """The policy of a page without scripts, with this one style element."""
    return _policy({"style-src": [_hash(style.encode())], "form-action": ["'self'"]})


def _policy(sources: dict[str, list[str]]) -> str:
    closed = {
        "default-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(rows)}" for name, rows in {**closed, **sources}.items())


def _hashes(html: bytes) -> Iterable[str]:
    for script in _INLINE.finditer(html):
        attributes = script["attributes"]
        if b"src=" not in attributes and not _DATA.search(attributes):
            yield _hash(script["body"])


def _hash(content: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'"
