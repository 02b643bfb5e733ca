"""NovelAI: JSON in a PNG's `Comment`, with an emphasis language of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from webui.services.metadata.plain import loads, mapping, renamed, scalar, text_of
from webui.services.metadata.samplers import sampler_of

STRENGTH = 1.05
"""What one pair of braces multiplies the attention with; brackets divide by it."""

MOST_BRACES = 20
MOST_OTHERS = 50
FIELDS = {
    "steps": "steps",
    "width": "width",
    "height": "height",
    "scale": "cfg_scale",
    "seed": "seed",
    "cfg_rescale": "cfg_rescale",
}
USED = {*FIELDS, "prompt", "uc", "sampler", "noise_schedule"}

_MARKS = re.compile(r"(-?\d{1,4}(?:\.\d{1,4})?)?::|[{}\[\]]")
_SPECIAL = re.compile(r"[()\\]")


def read_comment(comment: str) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]] | None:
    """(request fields, other settings) of a `Comment`; None when NovelAI did not write it."""
    data = mapping(loads(comment))
    if "uc" not in data or "prompt" not in data:
        return None
    values = renamed(data, FIELDS)
    values["prompt"] = converted(_prompt(data, "prompt", "v4_prompt"))
    values["negative_prompt"] = converted(_prompt(data, "uc", "v4_negative_prompt"))
    name = text_of(data.get("sampler"))
    if name:
        values["sampler"], values["schedule"] = sampler_of(
            name, text_of(data.get("noise_schedule"))
        )
    others = [
        (key, str(value)[:200])
        for key, value in data.items()
        if key not in USED and scalar(value) not in (None, False, "")
    ]
    return values, tuple(others[:MOST_OTHERS])


def _prompt(data: Mapping[str, Any], plain: str, nested: str) -> str:
    caption = mapping(mapping(data.get(nested)).get("caption"))
    return text_of(data.get(plain)) or text_of(caption.get("base_caption"))


def converted(prompt: str) -> str:
    """A prompt in our language: {x} becomes (x:1.05), [x] becomes (x:0.952), 2::x:: (x:2).

    Round brackets and backslashes mean nothing there, so they get a backslash here.
    """
    return "".join(
        f"({text}:{weight:.4g})" if text.strip() and abs(weight - 1) > 1e-6 else text
        for weight, text in _segments(prompt)
    )


def _segments(prompt: str) -> Iterator[tuple[float, str]]:
    """(weight, text) pieces; what opens and never closes lasts to the end."""
    level, factor, at = 0, 1.0, 0
    for mark in _MARKS.finditer(prompt):
        yield _weight(level, factor), _SPECIAL.sub(r"\\\g<0>", prompt[at : mark.start()])
        at = mark.end()
        if mark[0].endswith("::"):
            factor = float(mark[1]) if mark[1] else 1.0
        else:
            level += 1 if mark[0] in "{]" else -1
    yield _weight(level, factor), _SPECIAL.sub(r"\\\g<0>", prompt[at:])


def _weight(level: int, factor: float) -> float:
    clamped = max(-MOST_BRACES, min(MOST_BRACES, level))
    return float(factor * STRENGTH**clamped)
