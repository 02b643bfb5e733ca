"""Who asks: by a session's cookie, by Basic credentials, or by an access token.

Passwords are compared in time that does not depend on them, beside the event loop, and slowly
after some wrong ones. Pairs of `--api-auth` open the API of existing clients and nothing else.
"""

from __future__ import annotations

import asyncio
import binascii
import hashlib
import hmac
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from starlette.datastructures import Headers

from webui.core.errors import InkstoneError
from webui.http.identity import CLIENTS, SESSION_COOKIE, cookies
from webui.services.access_tokens import AccessTokens
from webui.services.accounts import LOCAL, Accounts
from webui.services.throttle import Throttle

Means = Literal["open", "session", "basic", "token", "api"]

API_OWNER = "api:"
"""Before the name of a pair of `--api-auth`; no account's name has a colon."""


@dataclass(frozen=True)
class Visitor:
    """Somebody who is known, and by what."""

    owner: str
    means: Means


@dataclass(frozen=True)
class Access:
    """Who may come in: the accounts, their tokens, and how often passwords may be tried."""

    accounts: Accounts
    tokens: AccessTokens
    throttle: Throttle


class TooManyGuessesError(Exception):
    """Wrong passwords came from this address; it shall wait `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Authentication:
    """Recognises visitors on all routes."""

    def __init__(self, access: Access, api_auth: Sequence[str] = ()) -> None:
        """api_auth: "user:password", for clients of /sdapi alone.

        Raises:
            InkstoneError: a pair of `api_auth` lacks a part.
        """
        self._accounts = access.accounts
        self._tokens = access.tokens
        self._throttle = access.throttle
        self._api = tuple(_pair(text) for text in api_auth)
        self._checking = asyncio.Semaphore(2)

    async def visitor(
        self, path: str, headers: Headers, address: str, *, with_session: bool = True
    ) -> Visitor | None:
        """Who it is; None for a stranger.

        with_session: whether a cookie counts.

        Raises:
            TooManyGuessesError: wrong passwords came from this address.
        """
        if with_session and self._accounts:
            session = cookies(headers).get(SESSION_COOKIE)
            name = self._accounts.name_of(session) if session else None
            if name:
                return Visitor(name, "session")
        found = await self._credentials(path, headers.get("authorization", ""), address)
        if found or self._accounts or (self._api and path.startswith(CLIENTS)):
            return found
        return Visitor(LOCAL, "open")

    async def _credentials(self, path: str, authorization: str, address: str) -> Visitor | None:
        kind, _, said = authorization.partition(" ")
        if kind.casefold() == "bearer":
            owner = self._tokens.owner_of(said.strip())
            return Visitor(owner, "token") if owner and owner in self._accounts else None
        pair = _decoded(said) if kind.casefold() == "basic" else None
        if pair is None or not (self._accounts or self._api):
            return None
        name, password = pair
        pause = self._throttle.pause(address)
        if pause:  # before anything is compared: a right guess must not be told from a wrong one
            raise TooManyGuessesError(pause)
        if self._accounts.proven(name, password):
            return Visitor(name, "basic")
        if path.startswith(CLIENTS) and self._of_api(name, password):
            return Visitor(API_OWNER + name if self._accounts else LOCAL, "api")
        if self._accounts and await self._right(name, password):
            self._throttle.succeeded(address)
            return Visitor(name, "basic")
        self._throttle.failed(address)
        return None

    async def _right(self, name: str, password: str) -> bool:
        async with self._checking:  # a digest costs 50 ms of a core
            return await asyncio.to_thread(self._accounts.check, name, password)

    def _of_api(self, name: str, password: str) -> bool:
        given = _marked(name, password)
        right = [hmac.compare_digest(given, known) for known in self._api]
        return any(right)


def _pair(text: str) -> bytes:
    name, _, password = text.partition(":")
    if not name or not password:
        raise InkstoneError("error.auth_form", got=name[:64])
    return _marked(name, password)


def _marked(name: str, password: str) -> bytes:
    """Of one length, so that comparing tells nothing about the lengths."""
    return hashlib.sha256(f"{name}:{password}".encode("utf-8", "replace")).digest()


def _decoded(encoded: str) -> tuple[str, str] | None:
    try:
        name, _, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return name, password
