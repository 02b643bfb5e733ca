"""Texts by key. `en.json` is the source; a missing translation falls back to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from webui.core.errors import Message

SOURCE = "en"
LOCALIZATIONS = Path(__file__).resolve().parents[2] / "localizations"
NAME_KEY = "language.name"

_BLANK = re.compile(r"\{(\w+)\}")


class Localiser:
    """All catalogues of a folder: `<language>.json`, flat, key to text with `{blanks}`."""

    def __init__(self, folder: Path = LOCALIZATIONS) -> None:
        found = {path.stem: _read(path) for path in sorted(folder.glob("*.json"))}
        source = found.get(SOURCE, {})
        ordered = [SOURCE, *(code for code in found if code != SOURCE)]
        self.catalogues: Mapping[str, Mapping[str, str]] = MappingProxyType(
            {code: MappingProxyType({**source, **found.get(code, {})}) for code in ordered}
        )

    @property
    def languages(self) -> dict[str, str]:
        """Language codes with the languages' own names, English first."""
        return {code: texts.get(NAME_KEY, code) for code, texts in self.catalogues.items()}

    def text(self, key: str, language: str, /, **values: Any) -> str:
        """The text of a key with its blanks filled; the key itself when nobody knows it."""
        catalogue = self.catalogues.get(language) or self.catalogues[SOURCE]
        template = catalogue.get(key, key)
        # Not str.format: a translation is data and must not reach into the values' attributes.
        return _BLANK.sub(lambda blank: _show(values.get(blank[1], blank[0])), template)

    def message(self, message: Message, language: str) -> str:
        """The text of a message."""
        return self.text(message.key, language, **message.values)

    def negotiate(self, accept_language: str = "", chosen: str = "") -> str:
        """The language for a viewer: the chosen one, else the browser's first that we have.

        "zh", "zh-Hans" and "zh-SG" find "zh-CN": a text in a near script beats English.
        """
        for wanted in [chosen, *_accepted(accept_language)]:
            exact = next((c for c in self.catalogues if c.casefold() == wanted.casefold()), None)
            if exact:
                return exact
            main = wanted.partition("-")[0].casefold()
            near = next((c for c in self.catalogues if c.partition("-")[0] == main), None)
            if main and near:
                return near
        return SOURCE


def _read(path: Path) -> dict[str, str]:
    """A catalogue; a damaged file is as good as an empty one, English stands in for it."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in data.items() if isinstance(v, str)} if isinstance(data, dict) else {}


def _accepted(header: str) -> Iterable[str]:
    """Language tags of an Accept-Language header, the most wanted first."""
    weighted = []
    for part in header.split(",")[:20]:
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            weight = 0.0
        weighted.append((-weight, tag.strip()))
    return [tag for _, tag in sorted(weighted, key=lambda row: row[0])]


def _show(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)
