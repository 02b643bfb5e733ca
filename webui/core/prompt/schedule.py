"""The prompt language: editing `[a:b:0.5]` and alternation `[a|b]`, as a prompt for each step."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Union

Item = Union[str, "list[Item]", "_Switch", "_Turns"]
"""Text, items in a row, or something that depends on the step."""

_TOKEN = re.compile(r"[\[\]():|]|(?:[^\\\[\]():|]+|\\.)+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_OPENING = {")": "(", "]": "["}


def parse_schedule(
    text: str,
    steps: int,
    *,
    base_steps: int | None = None,
    old_timelines: bool = False,
) -> list[tuple[int, str]]:
    """The prompt that holds in each of `steps` steps, which count from 1.

    `[a:b:N]` is a up to step N and b afterwards, `[b:N]` begins with nothing, `[a::N]` ends with
    nothing; `[a|b|c]` takes turns. All of them nest. N with a point is a share of the steps,
    without one a step; where it comes to less than one step, the switch is made from the start.
    Brackets that are none of this stay as they are, for emphasis. A prompt that the grammar
    cannot read, such as one with a `|` outside brackets, is taken literally as a whole. Linear
    in the length for each prompt of the result.

    Args:
        text: any string; comments, tags and AND are not looked for.
        steps: calls of the model in this pass.
        base_steps: for a hires pass, the steps of the pass before it. There 1.5 is half of this
            pass, and N without a point counts from the first step of the first pass.
        old_timelines: the rule of old releases: N below 1 is a share of each pass, N from 1 on
            a step of each pass.

    Returns:
        (last step it holds for, prompt) in rising order, the last one for `steps`.
    """
    parser = _Parser(text, _Timeline(steps, base_steps, old_timelines))
    if not parser.read():
        return [(steps, text)]
    return [(last, _at_step(parser.top, last)) for last in _boundaries(parser.top, steps)]


@dataclass(frozen=True, eq=False)
class _Switch:
    """`before` up to step `last`, then `after`. `start`, `stop`: where in the prompt it stands."""

    before: list[Item]
    after: list[Item]
    last: int
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class _Turns:
    """One of the options in each step, in turn."""

    options: list[list[Item]]


@dataclass(frozen=True)
class _Timeline:
    steps: int
    base_steps: int | None
    old: bool

    def last_step(self, number: str) -> int:
        """The step after which `[a:b:number]` switches, from 0 to `steps`."""
        value = float(number)
        if self.old:
            value = value * self.steps if value < 1 else value
        elif "." in number:
            value = (value - (self.base_steps is not None)) * self.steps
        else:
            value -= self.base_steps or 0
        # Held within the range before rounding: an infinite number has no whole part.
        return int(max(0.0, min(value, float(self.steps))))


@dataclass(eq=False)
class _Open:
    """A bracket that is not closed yet, and what stands in it, cut at `:` and `|`."""

    bracket: str
    start: int
    sections: list[list[Item]] = field(default_factory=lambda: [[]])
    separators: list[str] = field(default_factory=list)


class _Parser:
    """Reads in one pass with a stack of open brackets.

    Brackets and colons without a meaning may stand outside of all constructs only. So one
    bracket that means nothing takes the meaning of all brackets open around it.
    """

    def __init__(self, text: str, timeline: _Timeline) -> None:
        self.text = text
        self.timeline = timeline
        self.top: list[Item] = []
        self.open: list[_Open] = []

    def read(self) -> bool:
        """Whether the text is a sentence of the grammar."""
        at = 0
        for match in _TOKEN.finditer(self.text):
            if match.start() != at or not self._take(match.group(), at):
                return False
            at = match.end()
        return at == len(self.text) and self._give_up()

    def _take(self, token: str, at: int) -> bool:
        if token in "([":
            self.open.append(_Open(token, at))
        elif token in ")]":
            return self._close(token, at)
        elif token in ":|" and self.open:
            self.open[-1].separators.append(token)
            self.open[-1].sections.append([])
        else:
            self._put(token)
            return token != "|"
        return True

    def _put(self, item: Item) -> None:
        (self.open[-1].sections[-1] if self.open else self.top).append(item)

    def _close(self, bracket: str, at: int) -> bool:
        if self.open and self.open[-1].bracket == _OPENING[bracket]:
            item = self._construct(self.open[-1], bracket, at + 1)
            if item is not None:
                self.open.pop()
                self._put(item)
                return True
            self._calm(self.open[-1])
        if not self._give_up():
            return False
        self.top.append(bracket)
        return True

    def _construct(self, opened: _Open, bracket: str, stop: int) -> Item | None:
        """What the bracket means, or None."""
        kinds, sections = set(opened.separators), opened.sections
        if not kinds or (bracket == ")" and opened.separators == [":"]):
            return _written(opened, bracket)
        if bracket == ")":
            return None
        if kinds == {"|"}:
            return _Turns(sections)
        number = _number(sections[-1])
        if "|" in kinds or len(sections) > 3 or number is None:
            return None
        before = sections[0] if len(sections) == 3 else []
        last = self.timeline.last_step(number)
        return _Switch(before, sections[-2], last, opened.start, stop)

    def _calm(self, opened: _Open) -> None:
        """Takes edits literally that end before a colon of a bracket without a meaning.

        The grammar allows both readings there, as in `(a:[b:c:3]:1.2)`, and
        stable-diffusion-webui takes one by chance; the literal one is what its users report.
        """
        for section in opened.sections[:-1]:
            if section and isinstance(section[-1], _Switch):
                section[-1] = self.text[section[-1].start : section[-1].stop]

    def _give_up(self) -> bool:
        """Leaves all open brackets as they were written; False where a `|` came free."""
        for opened in self.open:
            if "|" in opened.separators:
                return False
            self.top.extend(_written(opened, ""))
        self.open.clear()
        return True


def _written(opened: _Open, bracket: str) -> list[Item]:
    items: list[Item] = [opened.bracket, *opened.sections[0]]
    for separator, section in zip(opened.separators, opened.sections[1:], strict=True):
        items += [separator, *section]
    return [*items, bracket]


def _number(section: list[Item]) -> str | None:
    if len(section) != 1 or not isinstance(section[0], str):
        return None
    number = section[0].strip()
    return number if _NUMBER.fullmatch(number) else None


def _at_step(items: list[Item], step: int) -> str:
    """The text of one step, without recursion: brackets may nest by the thousand."""
    text: list[str] = []
    waiting: list[Item] = [items]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            text.append(item)
        elif isinstance(item, list):
            waiting.extend(reversed(item))
        elif isinstance(item, _Switch):
            waiting.append(item.before if step <= item.last else item.after)
        else:
            waiting.append(item.options[(step - 1) % len(item.options)])
    return "".join(text)


def _boundaries(items: list[Item], steps: int) -> list[int]:
    """The last steps of all prompts, also of those that turn out alike."""
    found = {steps}
    waiting: list[Item] = [items]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, _Switch):
            found.add(item.last)
            waiting += [item.before, item.after]
        elif isinstance(item, _Turns):
            found.update(range(1, steps + 1))
            waiting.extend(item.options)
    return sorted(step for step in found if step >= 1)
