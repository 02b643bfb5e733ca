"""The prompt language as a whole: from what was typed to what is encoded in each step."""

from __future__ import annotations

from dataclasses import dataclass

from webui.core.prompt.composition import parse_and
from webui.core.prompt.markup import strip_comments, take_tags
from webui.core.prompt.schedule import parse_schedule

Schedule = tuple[tuple[int, str], ...]
"""(last step it holds for, text for the emphasis parser), as `parse_schedule` gives it."""


@dataclass(frozen=True)
class Part:
    """One prompt of those that AND joins."""

    schedule: Schedule
    weight: float


def read_prompt(
    text: str, steps: int, *, base_steps: int | None = None, old_timelines: bool = False
) -> tuple[Part, ...]:
    """The parts of a prompt, without comments and tags, with what they say in each step.

    Arguments are those of `parse_schedule`. Parts that say the same are one, their weights
    added: the picture is that of the sum either way.
    """
    return tuple(
        Part(
            tuple(parse_schedule(part, steps, base_steps=base_steps, old_timelines=old_timelines)),
            weight,
        )
        for part, weight in _weights(text).items()
    )


def count_parts(text: str) -> int:
    """How many different parts AND joins in a prompt, at least one. Linear in the length."""
    return len(_weights(text))


def _weights(text: str) -> dict[str, float]:
    plain, _ = take_tags(strip_comments(text))
    weights: dict[str, float] = {}
    for part, weight in parse_and(plain):
        weights[part.strip()] = weights.get(part.strip(), 0.0) + weight
    return weights


def read_negative(
    text: str, steps: int, *, base_steps: int | None = None, old_timelines: bool = False
) -> Schedule:
    """What a negative prompt says in each step. There AND and tags are text like any other."""
    plain = strip_comments(text)
    found = parse_schedule(plain, steps, base_steps=base_steps, old_timelines=old_timelines)
    return tuple(found)
