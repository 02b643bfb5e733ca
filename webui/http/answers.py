"""The one form of refusals, inside the application and in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from webui.core.errors import Message
from webui.services.localisation import Localiser


def problem(message: Message, localiser: Localiser, language: str) -> dict[str, Any]:
    """A message as clients get it: key and values for programs, text for people."""
    return {**message.to_json(), "text": localiser.message(message, language)}


def refusal(problems: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The body of an answer that refuses."""
    return {"detail": problems[0]["text"], "problems": problems}


def known_refusal(kind: str, problems: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The form in which clients of stable-diffusion-webui look for errors, and our own beside it.

    kind: the error's name. Programs often show `detail` alone, so it names the entry that is
    meant.
    """
    lines = [f"{row['field']}: {row['text']}" if row["field"] else row["text"] for row in problems]
    return {
        "error": kind,
        "detail": lines[0],
        "body": "",
        "errors": "\n".join(map(str, lines)),
        "problems": problems,
    }
