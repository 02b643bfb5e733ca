"""What the model can draw: subjects with English and Chinese names, from CLDR's emoji names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recipe.vocabulary import (
    ALIASES,
    DROPPED_LABELS,
    DROPPED_WORDS,
    KEPT_EXTRA,
    MEASURES,
    SUBGROUPS,
)


@dataclass(frozen=True)
class Subject:
    """One thing to draw. The first name of each language is the usual one.

    `measure` is the Chinese measure word, `group` CLDR's sub-group ("animal-mammal").
    """

    slug: str
    en: tuple[str, ...]
    zh: tuple[str, ...]
    en_tags: tuple[str, ...]
    zh_tags: tuple[str, ...]
    measure: str
    group: str

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Subject:
        """The reverse of `dataclasses.asdict`, whose tuples JSON turns into lists."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
        return cls(**values)


def slug_of(label: str) -> str:
    """The name that the icon sets give a label: "man’s shoe" -> "mans-shoe"."""
    plain = unicodedata.normalize("NFKD", label.lower().replace("&", "and"))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"[’'“”.!]", "", plain)).strip("-")


def choose(
    english: Sequence[Mapping[str, Any]],
    chinese: Sequence[Mapping[str, Any]],
    subgroups: Mapping[str, str],
) -> list[Subject]:
    """The subjects to train, in CLDR's order, without flags, signs, twins and near-duplicates."""
    translated = {row["hexcode"]: row for row in chinese}
    chosen: dict[str, Subject] = {}
    for row in english:
        group = subgroups.get(str(row.get("subgroup")), "")
        other = translated.get(row["hexcode"])
        if other is None or not _is_kept(row["label"], group):
            continue
        subject = _subject(row, other, group)
        if not any(subject.en[0] in kept.en for kept in chosen.values()):
            chosen[subject.slug] = subject
    return list(chosen.values())


def _is_kept(label: str, group: str) -> bool:
    if label in KEPT_EXTRA:
        return True
    if group not in SUBGROUPS or label in DROPPED_LABELS:
        return False
    return not any(word in DROPPED_WORDS for word in re.split(r"[^a-z]+", label.lower()))


def _subject(row: Mapping[str, Any], other: Mapping[str, Any], group: str) -> Subject:
    slug = slug_of(row["label"])
    aliases = ALIASES.get(slug, ((), ()))
    en = _unique([*aliases[0], *_english_names(row["label"], group)])
    zh = _unique([*aliases[1], *_chinese_names(other["label"], group)])
    return Subject(
        slug=slug,
        en=en,
        zh=zh,
        en_tags=tuple(tag.lower() for tag in row.get("tags", ()) if tag.lower() not in en)[:4],
        zh_tags=tuple(tag for tag in other.get("tags", ()) if tag not in zh)[:3],
        measure=MEASURES.get(slug) or MEASURES.get(group) or "个",
        group=group,
    )


def _english_names(label: str, group: str) -> list[str]:
    label = label.replace("’", "'").lower()
    if group.startswith("animal") and label.endswith(" face"):
        return [label.removesuffix(" face"), label]
    return [label]


def _chinese_names(label: str, group: str) -> list[str]:
    label = label.replace("“", "").replace("”", "").replace(" ", "")
    if group.startswith("animal") and label.endswith(("脸", "头")) and len(label) > 1:
        return [label[:-1], label]
    return [label]


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
