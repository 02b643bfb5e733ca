"""The prompt language: several prompts for one picture, joined by AND."""

from __future__ import annotations

import re

from webui.core.prompt.emphasis import MAX_WEIGHT

_AND = re.compile(r"\bAND\b")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?|\d*\.\d+)")


def parse_and(text: str) -> list[tuple[str, float]]:
    """Splits a prompt at each AND in capitals, and takes the weight off the end of each part.

    `a AND b :0.7` gives b the weight 0.7; without one the weight is 1. A prompt without AND is
    one part, whose weight is taken as well. Blanks are dropped at the end of a part and kept at
    its beginning. Weights beyond `MAX_WEIGHT` are held there. Linear in the length.

    Returns:
        (prompt, weight) in order, at least one.
    """
    return [_weighted(part) for part in _AND.split(text)]


def _weighted(part: str) -> tuple[str, float]:
    text, colon, number = part.rpartition(":")
    number = number.strip()
    if colon and _NUMBER.fullmatch(number):
        return text.rstrip(), max(-MAX_WEIGHT, min(MAX_WEIGHT, float(number)))
    return part.rstrip(), 1.0
