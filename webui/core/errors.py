"""Errors as values: a localisation key plus the figures that belong into the sentence.

Nothing here knows a language. `webui.services.localisation` turns a `Message` into text in
the viewer's language; logs and the command line use the English catalogue.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Message:
    """A sentence to be: `key` names it in `localizations/*.json`, `values` fill its blanks.

    `field` names the request field that the sentence is about, so that a form can show it there.
    """

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    field: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The form in which messages are stored and sent; it is always JSON."""
        values = {name: _sendable(value) for name, value in self.values.items()}
        return {"key": self.key, "values": values, "field": self.field}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Message:
        """The reverse of `to_json`."""
        return cls(data["key"], dict(data.get("values") or {}), data.get("field"))


def _sendable(value: Any) -> Any:
    """The value, or a text in its place where JSON or UTF-8 has nothing for it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


class InkstoneError(Exception):
    """Base of all errors that are shown to a person. One class per decision of the caller."""

    def __init__(self, key: str, /, *, field: str | None = None, **values: Any) -> None:
        super().__init__(key, values)
        self.message = Message(key, values, field)

    def __str__(self) -> str:
        blanks = ", ".join(f"{name}={value!r}" for name, value in self.message.values.items())
        return f"{self.message.key}({blanks})"


class InvalidRequest(InkstoneError):  # noqa: N818 - reads as what it is
    """The person can mend the request; `problems` has one message per faulty field."""

    def __init__(self, *problems: Message) -> None:
        first = problems[0]
        super().__init__(first.key, field=first.field, **dict(first.values))
        self.problems = problems

    def __str__(self) -> str:
        return "; ".join(f"{p.field}: {p.key}({dict(p.values)})" for p in self.problems)


class ModelFileError(InkstoneError):
    """A model file is missing, damaged or of an unknown kind. The file itself is never touched."""


class OutOfMemory(InkstoneError):  # noqa: N818 - reads as what it is
    """The device has too little memory for this request."""


class StorageError(InkstoneError):
    """The data folder cannot be written: read-only, full, or held by another instance."""


class TooLarge(InkstoneError):  # noqa: N818 - reads as what it is
    """What was sent is larger than this server takes."""


class WrongKind(InkstoneError):  # noqa: N818 - reads as what it is
    """What was sent is nothing of what is read here, by its content."""


class NotFound(InkstoneError):  # noqa: N818 - reads as what it is
    """No such job or picture, or it belongs to somebody else."""


class NotYet(InkstoneError):  # noqa: N818 - reads as what it is
    """This program cannot do what was asked for; there is nothing to mend in the request."""


class DownloadError(InkstoneError):
    """Another server does not give what was asked for, or gives something else."""


class Stopping(InkstoneError):  # noqa: N818 - reads as what it is
    """The server stops, and whoever waits for an answer gets none."""


class NotAllowed(InkstoneError):  # noqa: N818 - reads as what it is
    """Only an administrator may do this."""


class Cancelled(Exception):  # noqa: N818 - not an error: a person asked for it
    """Raised inside the denoise loop when its job was cancelled."""


class Skipped(Exception):  # noqa: N818 - not an error: a person asked for it
    """Raised inside the denoise loop when the current batch is to be skipped."""
