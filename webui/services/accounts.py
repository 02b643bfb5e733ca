"""Who may use a server that others can reach: accounts, passwords and browser sessions."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webui.core.errors import InkstoneError, StorageError
from webui.services.private_files import write_private

ADMIN = "admin"
LOCAL = "local"
"""The owner of everything on a server without accounts."""

SESSION_SECONDS = 30 * 24 * 3600
MAX_NAME = 64
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}


@dataclass(frozen=True)
class Account:
    """A person. The first one administers: may end other people's jobs."""

    name: str
    admin: bool
    salt: bytes
    digest: bytes


class Accounts:
    """Accounts from the data folder and from the command line; empty means no login.

    Passwords are kept as scrypt digests. A session is a signed note in a cookie; changing the
    password or the account ends it.
    """

    def __init__(self, data_dir: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._file = data_dir / "accounts.json"
        self._secret = _secret(data_dir / "session.key")
        self._clock = clock
        self._accounts = _read(self._file)
        self._key = secrets.token_bytes(32)
        self._proven: dict[str, bytes] = {}

    def __bool__(self) -> bool:
        return bool(self._accounts)

    def __contains__(self, name: str) -> bool:
        return name in self._accounts

    def add(self, pair: str) -> None:
        """An account for this run, from "user:password" of the command line.

        Raises:
            InkstoneError: the pair lacks a part.
        """
        name, _, password = pair.partition(":")
        if not name or not password or len(name) > MAX_NAME or not name.isprintable():
            raise InkstoneError("error.auth_form", got=name[:MAX_NAME])
        first = not any(account.admin for other, account in self._accounts.items() if other != name)
        self._accounts[name] = _account(name, password, admin=first)
        self._proven.pop(name, None)

    def create_admin(self) -> str:
        """Makes and keeps the first account; its password is returned once and stored nowhere.

        Raises:
            StorageError: the data folder cannot be written.
        """
        password = secrets.token_urlsafe(12)
        account = _account(ADMIN, password, admin=True)
        write_private(self._file, json.dumps([_to_json(account)]).encode())
        self._accounts[ADMIN] = account
        return password

    def check(self, name: str, password: str) -> bool:
        """Whether the password is right; takes as long for unknown names as for known ones."""
        account = self._accounts.get(name)
        salt = account.salt if account else b"\0" * 16
        right = hmac.compare_digest(_digest(password, salt), account.digest if account else b"")
        if not right or account is None:
            return False
        self._proven[name] = self._mark(password)
        return True

    def proven(self, name: str, password: str) -> bool:
        """Whether `check` found this pair right before. Fast: programs send it each time."""
        mark = self._mark(password)
        return hmac.compare_digest(mark, self._proven.get(name, b"")) and name in self._accounts

    def _mark(self, password: str) -> bytes:
        """Stands for a password in memory; the key is of this process alone."""
        return hmac.new(self._key, password.encode("utf-8", "replace"), "sha256").digest()

    def admin(self, name: str) -> bool:
        """Whether this person administers; everybody does on a server without accounts."""
        account = self._accounts.get(name)
        return account.admin if account else not self._accounts

    def session(self, name: str) -> str:
        """A signed session for the browser's cookie."""
        body = f"{int(self._clock()) + SESSION_SECONDS}.{b64encode(name.encode()).decode()}"
        return f"{body}.{self._sign(name, body)}"

    def name_of(self, session: str) -> str | None:
        """Whose session it is; None when it is forged, over, or the account has changed."""
        try:
            body, signature = session.rsplit(".", 1)
            ends, encoded = body.split(".", 1)
            name = b64decode(encoded, validate=True).decode()
            over = int(ends) < self._clock()
        except ValueError:
            return None
        if over or name not in self._accounts:
            return None
        return name if hmac.compare_digest(signature, self._sign(name, body)) else None

    def _sign(self, name: str, body: str) -> str:
        key = self._secret + self._accounts[name].digest
        return hmac.new(key, body.encode(), "sha256").hexdigest()


def _account(name: str, password: str, *, admin: bool) -> Account:
    salt = secrets.token_bytes(16)
    return Account(name, admin, salt, _digest(password, salt))


def _digest(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "replace"), salt=salt, dklen=32, **_SCRYPT)


def _to_json(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "admin": account.admin,
        "salt": account.salt.hex(),
        "digest": account.digest.hex(),
    }


def _read(file: Path) -> dict[str, Account]:
    if not file.exists():
        return {}
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        return {
            row["name"]: Account(
                row["name"],
                bool(row["admin"]),
                bytes.fromhex(row["salt"]),
                bytes.fromhex(row["digest"]),
            )
            for row in rows
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError("error.accounts_damaged", path=str(file)) from error


def _secret(file: Path) -> bytes:
    """The signing key of this data folder, made on the first start."""
    try:
        found = file.read_bytes()
    except FileNotFoundError:
        found = b""
    except OSError as error:
        raise StorageError("error.read_only", path=str(file), reason=str(error)) from error
    if len(found) >= 32:
        return found
    write_private(file, fresh := secrets.token_bytes(32))
    return fresh
