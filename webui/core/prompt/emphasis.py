"""The prompt language: emphasis and BREAK."""

from __future__ import annotations

import math
import re

BREAK = "BREAK"
BREAK_WEIGHT = -1.0
"""The weight that marks a BREAK run; no written weight yields it, see `_weight`."""

ROUND_FACTOR = 1.1
SQUARE_FACTOR = 1 / 1.1
MAX_WEIGHT = 1e6
"""Weights beyond it, infinite ones included, are held there so that tensors stay finite."""

_TOKEN = re.compile(
    r"""
    \\(?P<escaped>.)          # a backslash takes the next character as it is
    | (?P<lone>\\)            # a backslash at the very end is dropped
    | (?P<open>[(\[])
    | :\s*(?P<weight>[+-]?[.\d]+)\s*(?P<weighted>\))
    | (?P<close>[)\]])
    | \s*\b(?P<pause>BREAK)\b\s*
    | (?P<text>[^\\()\[\]:B\s]+ | \s+ | [:B])
    """,
    re.VERBOSE | re.DOTALL,
)


def parse_emphasis(text: str) -> list[tuple[str, float]]:
    """Splits a prompt into runs of text with one weight each.

    `(x)` multiplies by 1.1, `[x]` divides by it, `(x:1.3)` multiplies by 1.3; brackets nest. A
    backslash keeps the next character literal. A bracket that is never closed holds to the
    end, a stray closing one is text. A weight that is not a number is text. BREAK outside
    brackets comes as `(BREAK, BREAK_WEIGHT)`; inside brackets it separates as well, and the
    weights of its neighbours hold. Neighbours of equal weight are one run. Linear in the length.

    Returns:
        Runs in order; `[("", 1.0)]` for an empty prompt.
    """
    parser = _Emphasis()
    for match in _TOKEN.finditer(text):
        parser.take(match)
    return parser.finish()


class _Emphasis:
    """Runs collected so far, and for each open bracket where it began.

    Weights are multiplied at the end, with factors kept as differences at run boundaries, so
    that thousands of nested brackets stay linear.
    """

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.breaks: set[int] = set()
        self.spans: list[tuple[int, int, float]] = []
        self.round: list[int] = []
        self.square: list[int] = []

    def take(self, match: re.Match[str]) -> None:
        kind = match.lastgroup
        if kind == "open":
            (self.round if match["open"] == "(" else self.square).append(len(self.runs))
        elif kind == "weighted":
            weight = _weight(match["weight"])
            if self.round and weight is not None:
                self._close(self.round, weight)
            else:
                self.runs.append(match.group().rstrip(")"))
                self._stray_or_close(")")
        elif kind == "close":
            self._stray_or_close(match["close"])
        elif kind == "pause":
            self.breaks.add(len(self.runs))
            self.runs.append(BREAK)
        elif kind == "escaped":
            self.runs.append(match["escaped"])
        elif kind == "text":
            self.runs.append(match["text"])

    def _stray_or_close(self, bracket: str) -> None:
        stack, factor = (
            (self.round, ROUND_FACTOR) if bracket == ")" else (self.square, SQUARE_FACTOR)
        )
        if stack:
            self._close(stack, factor)
        else:
            self.runs.append(bracket)

    def _close(self, stack: list[int], factor: float) -> None:
        self.spans.append((stack.pop(), len(self.runs), factor))

    def finish(self) -> list[tuple[str, float]]:
        end = len(self.runs)
        self.spans += [(start, end, ROUND_FACTOR) for start in self.round]
        self.spans += [(start, end, SQUARE_FACTOR) for start in self.square]
        opening: dict[int, list[float]] = {}
        closing: dict[int, list[float]] = {}
        for start, stop, factor in self.spans:
            if start < stop:
                opening.setdefault(start, []).append(factor)
                closing.setdefault(stop, []).append(factor)
        return self._merge(_weights(end, opening, closing)) or [("", 1.0)]

    def _merge(self, weights: list[float]) -> list[tuple[str, float]]:
        merged: list[tuple[list[str], float]] = []
        for index, (run, weight) in enumerate(zip(self.runs, weights, strict=True)):
            if index in self.breaks:
                merged.append(([BREAK], BREAK_WEIGHT))
            elif merged and merged[-1][1] == weight and merged[-1][0] != [BREAK]:
                merged[-1][0].append(run)
            else:
                merged.append(([run], weight))
        return [("".join(parts), weight) for parts, weight in merged]


def _weights(
    count: int, opening: dict[int, list[float]], closing: dict[int, list[float]]
) -> list[float]:
    """The product of the factors that hold at each run.

    Factors are counted per value and multiplied afresh where they change, so that leaving a
    bracket restores its outer weight exactly; dividing would leave rounding dust. The few
    distinct values keep it cheap at any depth.
    """
    held: dict[float, int] = {}
    weights: list[float] = []
    weight = 1.0
    for index in range(count):
        changes = index in opening or index in closing
        for factor in closing.get(index, ()):
            held[factor] -= 1
            if not held[factor]:
                del held[factor]
        for factor in opening.get(index, ()):
            held[factor] = held.get(factor, 0) + 1
        if changes:
            weight = _product(held)
        weights.append(weight)
    return weights


def _product(held: dict[float, int]) -> float:
    product = 1.0
    for factor, times in sorted(held.items()):
        try:
            product *= factor**times
        except OverflowError:
            product = math.copysign(MAX_WEIGHT, product)
    if math.isnan(product):
        return 1.0
    return max(-MAX_WEIGHT, min(MAX_WEIGHT, product))


def _weight(text: str) -> float | None:
    """The number, or None for what only looks like one ("1.5.5", ".", 400 digits)."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
