"""How many tokens a prompt takes, counted without torch through the `tokenizers` library."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

from webui.core.prompt import (
    BREAK,
    BREAK_WEIGHT,
    parse_emphasis,
    read_negative,
    read_prompt,
)
from webui.core.request import MAX_PROMPT_CHARACTERS

CHUNK = 75


class TokenCounter:
    """Counts with the tokenizers of the checkpoints, a few of them kept in memory."""

    def __init__(self) -> None:
        self._load = lru_cache(maxsize=4)(_load)

    def count(
        self, tokenizer: Path, prompt: str, *, steps: int = 20, negative: bool = False
    ) -> tuple[int, int]:
        """(used, limit): tokens of the prompt and the next multiple of 75.

        Comments, tags, brackets and weights do not count; BREAK fills up its chunk. Of parts
        joined by AND, and of what editing gives in `steps` steps, the longest counts. A model
        without a readable tokenizer counts words, which is near enough for a hint.
        """
        known = self._load(tokenizer)
        text = prompt[:MAX_PROMPT_CHARACTERS]
        if negative:
            schedules = [read_negative(text, steps)]
        else:
            schedules = [part.schedule for part in read_prompt(text, steps)]
        variants = {variant for schedule in schedules for _, variant in schedule}
        used = max(_used(variant, known) for variant in variants)
        return used, -(-max(used, 1) // CHUNK) * CHUNK


def _used(variant: str, known: Tokenizer | None) -> int:
    used = 0
    for text, weight in parse_emphasis(variant):
        if (text, weight) == (BREAK, BREAK_WEIGHT):
            used = -(-used // CHUNK) * CHUNK
        elif known:
            used += len(known.encode(text, add_special_tokens=False).ids)
        else:
            used += len(text.split())
    return used


def _load(folder: Path) -> Tokenizer | None:
    """The tokenizer of a folder; None when it has none that can be read."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        return None
    try:
        return Tokenizer.from_str(file.read_text(encoding="utf-8"))
    except Exception as error:
        if type(error) is not Exception and not isinstance(error, (OSError, ValueError)):
            raise
        return None
