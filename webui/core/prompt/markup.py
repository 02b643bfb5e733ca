"""The prompt language: what is taken out before anything is read, comments and tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_TAG = re.compile(r"<(\w+):([^>]+)>")


@dataclass(frozen=True)
class ExtraNetworkTag:
    """A tag such as `<lora:name:0.8:te=1>`: its kind, its arguments by place and by name."""

    kind: str
    arguments: tuple[str, ...]
    named: Mapping[str, str]


def strip_comments(text: str) -> str:
    """Without everything from each `#` to the end of its line.

    A line that is a comment from its first character on goes with its line break. There is no
    escape for `#`.
    """
    return "".join(map(_without_comment, _LINE.findall(text)))


def _without_comment(line: str) -> str:
    code, mark, comment = line.partition("#")
    ends = comment.endswith("\n") and code
    return code + "\n" * bool(ends) if mark else line


def take_tags(text: str) -> tuple[str, list[ExtraNetworkTag]]:
    """Takes `<kind:argument:name=value>` out of a prompt, wherever it stands.

    Tags of every kind go, also of kinds that nobody knows: they never reach the text encoder.
    Whoever applies tags finds them here and reports the ones that it does not know. Text in
    angle brackets without a colon stays. Linear in the length.

    Returns:
        The text without tags, and the tags in order.
    """
    # No tag ends after the last ">". Looking there would take quadratic time on "<a:<a:<a:".
    end = text.rfind(">") + 1
    head, tail = text[:end], text[end:]
    tags = [_tag(match[1], match[2]) for match in _TAG.finditer(head)]
    return _TAG.sub("", head) + tail, tags


def _tag(kind: str, arguments: str) -> ExtraNetworkTag:
    items = arguments.split(":")
    named = dict(item.split("=", 1) for item in items if "=" in item)
    places = tuple(item for item in items if "=" not in item)
    return ExtraNetworkTag(kind, places, MappingProxyType(named))
