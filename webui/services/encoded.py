"""Pictures as API clients send them: base64, a data URI, or, where it is allowed, a URL."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode

from webui.core.errors import InvalidRequest, Message, TooLarge
from webui.core.validation import shorten
from webui.services.downloads.web import Web
from webui.services.inputs.limits import MEGABYTE

DATA_URI = re.compile(r"\s*data:[\w.+/-]{0,100}(;[\w.+=-]{0,100}){0,5},", re.ASCII)
URL = re.compile(r"\s*https?://", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")
_URL_ALPHABET = str.maketrans("-_", "+/")


def decoded(text: object, field: str, limit: int, web: Web | None = None) -> bytes:
    """The bytes of a file that a client sent as text. What they are, is not looked at.

    field: the entry that it stands in. limit: the most bytes of a file. web: how URLs
    are fetched, None where none may be.

    Raises:
        InvalidRequest: it is no base64, or a URL and none may be fetched.
        TooLarge: it is longer than any picture may be.
        DownloadError: the address is private, or its server does not answer as it should.
    """
    if not isinstance(text, str):
        raise InvalidRequest(Message("error.text", {"got": shorten(text)}, field))
    if URL.match(text):
        if web is None:
            raise InvalidRequest(Message("error.api_url", {"got": shorten(text)}, field))
        return web.document(text.strip())[0]
    if len(text) * 3 // 4 > limit + MEGABYTE:
        raise TooLarge("error.too_large", field=field, high=limit // MEGABYTE)
    prefix = DATA_URI.match(text)
    plain = _BLANKS.sub("", text[prefix.end() :] if prefix else text).translate(_URL_ALPHABET)
    plain = plain.rstrip("=")
    try:
        data = b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(Message("error.api_base64", {"got": shorten(text)}, field)) from error
    if not data:
        raise InvalidRequest(Message("error.api_base64", {"got": shorten(text)}, field))
    return data


def encoded(data: bytes) -> str:
    """The bytes as base64, without a prefix."""
    return b64encode(data).decode("ascii")
