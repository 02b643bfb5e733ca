"""The prompt language. Every function takes any string and never raises.

A prompt is read in this order: comments, tags, AND, editing and alternation, emphasis.
"""

from __future__ import annotations

from webui.core.prompt.composition import parse_and
from webui.core.prompt.emphasis import BREAK, BREAK_WEIGHT, parse_emphasis
from webui.core.prompt.markup import ExtraNetworkTag, strip_comments, take_tags
from webui.core.prompt.reading import Part, Schedule, count_parts, read_negative, read_prompt
from webui.core.prompt.schedule import parse_schedule

__all__ = [
    "BREAK",
    "BREAK_WEIGHT",
    "ExtraNetworkTag",
    "Part",
    "Schedule",
    "count_parts",
    "parse_and",
    "parse_emphasis",
    "parse_schedule",
    "read_negative",
    "read_prompt",
    "strip_comments",
    "take_tags",
]
