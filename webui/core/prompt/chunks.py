"""The prompt language: tokens in chunks of 75, as stable-diffusion-webui cuts them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from webui.core.prompt.emphasis import BREAK, BREAK_WEIGHT, parse_emphasis

CHUNK = 75
COMMA_BACKTRACK = 20
"""A word cut by a chunk's end moves over whole, back to the last comma if that is this near."""

FILLER = 0
"""What stands in a chunk where the vectors of an embedding go."""


class Found(NamedTuple):
    """An embedding in a prompt: its name, its vectors, and the tokens of text that name it."""

    name: str
    vectors: int
    tokens: int


Find = Callable[[Sequence[int], int], "Found | None"]
"""The embedding whose name begins at this place of these token ids; it has 1 to 75 vectors."""


@dataclass
class Chunk:
    """Up to 75 tokens and how strongly each one counts.

    embeddings: names by the position of their first vector; FILLER stands where they go.
    """

    tokens: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    embeddings: dict[int, str] = field(default_factory=dict)

    def add(self, token: int, weight: float) -> None:
        """Appends one token."""
        self.tokens.append(token)
        self.weights.append(weight)

    def cut(self, at: int) -> Chunk:
        """Takes everything from position `at` on away, and returns it."""
        moved = {place - at: name for place, name in self.embeddings.items() if place >= at}
        rest = Chunk(self.tokens[at:], self.weights[at:], moved)
        del self.tokens[at:], self.weights[at:]
        self.embeddings = {place: name for place, name in self.embeddings.items() if place < at}
        return rest


@dataclass(frozen=True)
class Chunks:
    """A prompt's chunks, at least one, and how many places they take: all but the last are full."""

    pieces: list[Chunk]
    used: int


def cut_into_chunks(
    prompt: str,
    encode: Callable[[str], Sequence[int]],
    comma: int | None = None,
    *,
    brackets: bool = True,
    find: Find | None = None,
) -> Chunks:
    """Cuts a prompt; BREAK begins a new chunk. Linear in the length.

    Args:
        prompt: for the emphasis parser; comments, tags, editing and AND are not looked for.
        encode: token ids of a text.
        comma: the token of a comma that ends a word.
        brackets: without them (emphasis "None") brackets, weights and BREAK are text.
        find: looks for embeddings; without it there are none.
    """
    cutter = _Cutter(comma)
    for text, weight in parse_emphasis(prompt) if brackets else [(prompt, 1.0)]:
        if (text, weight) == (BREAK, BREAK_WEIGHT):
            cutter.close()
            continue
        ids = encode(text)
        place = 0
        while place < len(ids):
            found = find(ids, place) if find else None
            if found:
                cutter.embedding(found, weight)
            else:
                cutter.token(ids[place], weight)
            place += found.tokens if found else 1
    return cutter.finish()


class _Cutter:
    def __init__(self, comma: int | None) -> None:
        self._comma = comma
        self._done: list[Chunk] = []
        self._current = Chunk()
        self._last_comma: int | None = None

    def token(self, token: int, weight: float) -> None:
        if len(self._current.tokens) == CHUNK:
            self.close(backtrack=token != self._comma)
        if token == self._comma:
            self._last_comma = len(self._current.tokens)
        self._current.add(token, weight)

    def embedding(self, found: Found, weight: float) -> None:
        """Places for all vectors in one chunk: an embedding is never cut."""
        if len(self._current.tokens) == CHUNK:
            self.close(backtrack=True)
        if len(self._current.tokens) + found.vectors > CHUNK:
            self.close()
        self._current.embeddings[len(self._current.tokens)] = found.name
        for _ in range(found.vectors):
            self._current.add(FILLER, weight)

    def close(self, *, backtrack: bool = False) -> None:
        comma = self._last_comma
        near = backtrack and comma is not None and CHUNK - comma <= COMMA_BACKTRACK
        rest = self._current.cut(comma + 1 if near and comma is not None else CHUNK)
        self._done.append(self._current)
        self._current, self._last_comma = rest, None

    def finish(self) -> Chunks:
        used = CHUNK * len(self._done) + len(self._current.tokens)
        if self._current.tokens or not self._done:
            self._done.append(self._current)
        return Chunks(self._done, used)
