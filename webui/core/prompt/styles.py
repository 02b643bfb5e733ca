"""Styles: pieces of prompts with a name, that are merged into what a person writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PLACE = "{prompt}"
"""Where a style's text takes what the person wrote; without it, the text is added at the end."""

JOINT = ", "
MAX_ROUNDS = 50
"""How many styles are looked for in one prompt."""


@dataclass(frozen=True)
class Style:
    """A row of the styles file."""

    name: str
    prompt: str = ""
    negative_prompt: str = ""


@dataclass(frozen=True)
class Extracted:
    """What a person may have written, and the styles in the order in which they were applied."""

    prompt: str
    negative_prompt: str
    styles: tuple[str, ...]


def merge(text: str, pieces: Iterable[str], limit: int) -> str | None:
    """The prompt with these pieces of styles, one after the other.

    `limit`: characters. A result that would be longer is never built (each piece may repeat the
    prompt, so that thirty could ask for gigabytes); None stands for it.
    """
    for piece in pieces:
        if PLACE in piece:
            places = piece.count(PLACE)
            if len(piece) + places * (len(text) - len(PLACE)) > limit:
                return None
            text = piece.replace(PLACE, text)
        else:
            text = JOINT.join(part for part in (text.strip(), piece.strip()) if part)
        if len(text) > limit:
            return None
    return text


def extract(prompt: str, negative_prompt: str, styles: Sequence[Style]) -> Extracted:
    """Finds the styles that a pair of prompts was made with; merging gives the pair again.

    A style is found when both of its texts are there. The longest one is tried first, so that
    of two styles of which one ends like the other the fuller is found.
    """
    pair = prompt.strip(), negative_prompt.strip()
    left = sorted(styles, key=lambda s: len(s.prompt) + len(s.negative_prompt), reverse=True)
    left = [style for style in left if style.prompt.strip() or style.negative_prompt.strip()]
    found: list[str] = []
    for _ in range(MAX_ROUNDS):
        match = next(((s, rest) for s in left if (rest := _without_style(pair, s))), None)
        if match is None:
            break
        style, pair = match
        left.remove(style)
        found.append(style.name)
    return Extracted(*pair, tuple(reversed(found)))


def _without_style(pair: tuple[str, str], style: Style) -> tuple[str, str] | None:
    prompt = _without(pair[0], style.prompt)
    negative = _without(pair[1], style.negative_prompt)
    return None if prompt is None or negative is None else (prompt, negative)


def _without(text: str, piece: str) -> str | None:
    """What `merge` makes `text` of with this piece, None if nothing does."""
    rest = _around(text, piece) if PLACE in piece else _before(text, piece.strip())
    # Merging strips blanks, so a rest counts only if it leads back.
    return rest if rest is not None and merge(rest, [piece], len(text)) == text else None


def _around(text: str, piece: str) -> str | None:
    head, *tails = piece.split(PLACE)
    room = len(text) - len(head) - sum(map(len, tails))
    length, odd = divmod(room, len(tails))
    return None if room < 0 or odd else text[len(head) : len(head) + length]


def _before(text: str, piece: str) -> str | None:
    if not piece:
        return text
    if not text.endswith(piece):
        return None
    return text[: len(text) - len(piece)].removesuffix(JOINT)
