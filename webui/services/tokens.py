"""How many tokens a prompt takes, counted without torch through the `tokenizers` library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from tokenizers import Tokenizer

from webui.core.embeddings import NameIndex
from webui.core.pass_fields import MAX_PROMPT_CHARACTERS
from webui.core.prompt import read_negative, read_prompt
from webui.core.prompt.chunks import CHUNK, Find, Found, cut_into_chunks

MAX_COUNTED = 20 * MAX_PROMPT_CHARACTERS
"""Characters of all that editing makes of a prompt; what is beyond is not counted."""

NO_EMBEDDINGS: Mapping[str, int] = MappingProxyType({})
COMMA = ",</w>"


class TokenCounter:
    """Counts with the tokenizers of the checkpoints, a few of them kept in memory."""

    def __init__(self) -> None:
        self._load = lru_cache(maxsize=4)(_load)
        self._index = lru_cache(maxsize=4)(self._new_index)

    def count(
        self,
        tokenizer: Path,
        prompt: str,
        *,
        steps: int = 20,
        negative: bool = False,
        embeddings: Mapping[str, int] = NO_EMBEDDINGS,
        brackets: bool = True,
    ) -> tuple[int, int]:
        """(used, limit): places that the prompt takes and the next multiple of 75.

        Comments, tags, brackets and weights do not count; BREAK fills up its chunk, and so does
        what moves to the next chunk at a comma. `embeddings`: vectors by name; these count
        instead of the tokens of the name. Of parts joined by AND, and of what editing gives in
        `steps` steps, the longest counts. `brackets`: False for emphasis "None", where they are
        text. A model without a readable tokenizer counts words, which is near enough for a hint.
        """
        words = self._load(tokenizer)
        text = prompt[:MAX_PROMPT_CHARACTERS]
        if negative:
            schedules = [read_negative(text, steps)]
        else:
            schedules = [part.schedule for part in read_prompt(text, steps)]
        variants = {variant for schedule in schedules for _, variant in schedule}
        index = self._index(tokenizer, tuple(embeddings)) if embeddings else None
        used = room = 0
        for variant in sorted(variants, key=lambda v: (-len(v), v)):
            room += len(variant)
            if used and room > MAX_COUNTED:
                break
            found = cut_into_chunks(
                variant,
                words.encode,
                words.comma,
                brackets=brackets,
                find=_finder(index, embeddings) if index else None,
            )
            used = max(used, found.used)
        return used, -(-max(used, 1) // CHUNK) * CHUNK

    def _new_index(self, tokenizer: Path, names: tuple[str, ...]) -> NameIndex:
        return NameIndex(names, self._load(tokenizer).encode)


class _Words(NamedTuple):
    encode: Callable[[str], Sequence[int]]
    comma: int | None


def _finder(index: NameIndex, embeddings: Mapping[str, int]) -> Find:
    def find(ids: Sequence[int], place: int) -> Found | None:
        first = next(index.at(ids, place), None)
        return Found(first[0], embeddings[first[0]], first[1]) if first else None

    return find


def _load(folder: Path) -> _Words:
    """The tokenizer of a folder; one that tells words apart if it has none that can be read."""
    file = folder / "tokenizer.json"
    try:
        known = Tokenizer.from_str(file.read_text(encoding="utf-8"))
    except Exception as error:
        # The library raises plain Exception for a file that is no tokenizer.
        if type(error) is not Exception and not isinstance(error, (OSError, ValueError)):
            raise
        return _Words(lambda text: [hash(word) for word in text.split()], None)
    return _Words(
        lambda text: known.encode(text, add_special_tokens=False).ids, known.token_to_id(COMMA)
    )
