"""Lines, entries and quotes: what an infotext is made of. Nothing here knows a field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

NEGATIVE = "Negative prompt:"
PROMPT_LINES = "Prompt lines"
MAX_CHARACTERS = 1_000_000
FEWEST_ENTRIES = 3
"""A last line with fewer entries is part of the prompt."""

_QUOTED = re.compile(r'\s*("(?:\\.|[^\\"])+")\s*(?:,|$)')
_LINE_ENDS = re.compile(r"\r\n?")
_NEEDS_QUOTES = re.compile(r'[,:\n\r]|^"')
_DIGITS_OF_INTEGERS = 20


def split(text: str) -> tuple[str, str, dict[str, str]]:
    """Prompt, negative prompt and the last line's entries. Never raises; linear time."""
    lines = legible(_LINE_ENDS.sub("\n", text[:MAX_CHARACTERS])).strip().split("\n")
    settings: dict[str, str] = {}
    entries = list(_entries(lines[-1]))
    if len(entries) >= FEWEST_ENTRIES:
        settings = {key: _unquote(value) for key, value in entries}
        lines.pop()
    marked = number(settings.pop(PROMPT_LINES, ""))
    if isinstance(marked, int) and 0 <= marked <= len(lines):
        end = marked
    else:
        end = next((i for i, row in enumerate(lines) if row.startswith(NEGATIVE)), len(lines))
    prompt = "\n".join(lines[:end]).strip()
    negative = "\n".join(lines[end:]).strip().removeprefix(NEGATIVE).strip()
    return prompt, negative, settings


def _entries(line: str) -> Iterator[tuple[str, str]]:
    """The `key: value` entries of a line; a value is quoted or ends at the next comma.

    Walks by hand: one regular expression for this takes quadratic time on hostile lines. Here
    the search for a quote's end stops at the next quote, so no character is looked at by more
    than one of them.
    """
    at = 0
    while (colon := line.find(":", at)) >= 0:
        start = colon
        while start > at and (line[start - 1].isalnum() or line[start - 1] in "_ -/"):
            start -= 1
        key = line[start:colon].lstrip(" -/")
        if len(key) < 2:
            at = colon + 1
            continue
        opens = line[colon + 1 : colon + 3].lstrip()[:1] == '"'
        quoted = _QUOTED.match(line, colon + 1) if opens else None
        if quoted:
            at = quoted.end()
            yield key, quoted[1]
        else:
            comma = line.find(",", colon)
            at = len(line) if comma < 0 else comma + 1
            yield key, line[colon + 1 : at].removesuffix(",")


def tidy(text: str) -> str:
    """The prompt as it is saved: stripped at both ends, one kind of line end."""
    return _LINE_ENDS.sub("\n", text).strip()


def legible(text: str) -> str:
    """The text without half characters (surrogates), which no file and no answer can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")


def quote(value: object) -> str:
    """A value as it stands in the last line; the shortest digits that give the number again."""
    text = repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
    if _NEEDS_QUOTES.search(text) or text != text.strip():
        return json.dumps(text, ensure_ascii=False)
    return text


def _unquote(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        try:
            value = json.loads(text)
        except ValueError:
            return text
        return legible(value) if isinstance(value, str) else text
    return text


def number(text: str) -> int | float | None:
    """The number that the text says; None for anything else."""
    try:
        return int(text) if len(text) <= _DIGITS_OF_INTEGERS else float(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None
