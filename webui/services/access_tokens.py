"""Access tokens: what programs send instead of a name and a password.

A token is `ink_ID_SECRET`. The secret has 256 bits, so that a plain SHA-256 of it is enough to
keep: nobody can try them all. The file is looked at again when it has changed, so that a token
made or revoked on the command line counts at once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from webui.core.errors import InvalidRequest, Message, NotFound, StorageError
from webui.services.private_files import write_private

FILE_NAME = "tokens.json"
PREFIX = "ink"
MAX_NOTE = 100
MOST = 100
"""Tokens that one account may have."""


@dataclass(frozen=True)
class AccessToken:
    """One token; `digest` is the SHA-256 of its secret, `created` is in UTC."""

    id: str
    owner: str
    note: str
    created: str
    digest: str


class AccessTokens:
    """The tokens of all accounts. Thread-safe."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / FILE_NAME
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._known: Mapping[str, AccessToken] = {}

    def make(self, owner: str, note: str = "") -> tuple[AccessToken, str]:
        """A new token, and its text, which is kept nowhere.

        Raises:
            InvalidRequest: the owner has `MOST` of them, or the note is too long.
            StorageError: the file cannot be read or written.
        """
        note = " ".join(note.split())
        if len(note) > MAX_NOTE or not note.isprintable():
            raise InvalidRequest(Message("error.token_note", {"high": MAX_NOTE}, "note"))
        secret = secrets.token_urlsafe(32)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        token = AccessToken(secrets.token_hex(6), owner, note, now, _digest(secret))
        with self._lock:
            rows = self._read()
            if sum(row.owner == owner for row in rows.values()) >= MOST:
                raise InvalidRequest(Message("error.token_many", {"high": MOST}))
            self._write({**rows, token.id: token})
        return token, f"{PREFIX}_{token.id}_{secret}"

    def revoke(self, token_id: str, owner: str | None = None) -> AccessToken:
        """Ends a token, of this owner or of anybody.

        Raises:
            NotFound: there is none.
            StorageError: the file cannot be read or written.
        """
        with self._lock:
            rows = dict(self._read())
            token = rows.get(token_id)
            if token is None or owner not in (None, token.owner):
                raise NotFound("error.token_gone", id=token_id[:40])
            del rows[token_id]
            self._write(rows)
        return token

    def list(self, owner: str | None = None) -> Sequence[AccessToken]:
        """The tokens of this owner, or all, the oldest first.

        Raises:
            StorageError: the file cannot be read.
        """
        with self._lock:
            rows = self._read().values()
        return [row for row in rows if owner in (None, row.owner)]

    def owner_of(self, text: str) -> str | None:
        """Whose token it is; None for any other text.

        Raises:
            StorageError: the file cannot be read.
        """
        parts = text.split("_", 2)
        if len(parts) != 3 or parts[0] != PREFIX:
            return None
        with self._lock:
            token = self._read().get(parts[1])
        right = hmac.compare_digest(_digest(parts[2]), token.digest if token else "")
        return token.owner if token and right else None

    def _read(self) -> Mapping[str, AccessToken]:
        try:
            found = self._file.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:
                rows = json.loads(self._file.read_text(encoding="utf-8"))
                self._known = {row["id"]: AccessToken(**row) for row in rows}
                self._stamp = stamp
        except FileNotFoundError:
            self._known, self._stamp = {}, None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StorageError("error.accounts_damaged", path=str(self._file)) from error
        return self._known

    def _write(self, rows: Mapping[str, AccessToken]) -> None:
        text = json.dumps([asdict(row) for row in rows.values()], ensure_ascii=False, indent=1)
        write_private(self._file, text.encode())
        self._stamp = None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
