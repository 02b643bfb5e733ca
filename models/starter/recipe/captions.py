"""Captions of scenes, in English and Chinese, as people would type them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Literal

from recipe.scenes import GLASSES, Scene
from recipe.styles import COLOURS, COUNTS, STYLES
from recipe.subjects import Subject

Language = Literal["en", "zh"]
CHINESE_SHARE = 0.4
PLURALS = {"mouse": "mice", "tooth": "teeth", "foot": "feet", "goose": "geese", "fish": "fish"}
PLURALS |= {"sheep": "sheep", "leaf": "leaves", "knife": "knives", "wolf": "wolves"}


def caption(scene: Scene, subjects: Mapping[str, Subject], rng: random.Random) -> str:
    """A caption in either language."""
    language: Language = "zh" if rng.random() < CHINESE_SHARE else "en"
    return caption_in(language, scene, subjects, rng)


def caption_in(
    language: Language, scene: Scene, subjects: Mapping[str, Subject], rng: random.Random
) -> str:
    """A caption in the given language; the plainest words come most often."""
    things = [subjects[slug] for slug in scene.items]
    words = STYLES[scene.style].en if language == "en" else STYLES[scene.style].zh
    style = rng.choice(words) if rng.random() < STYLES[scene.style].named else None
    if language == "en":
        return _english(scene, things, style, rng)
    return _chinese(scene, things, style, rng)


def plain_caption(language: Language, scene: Scene, subjects: Mapping[str, Subject]) -> str:
    """The usual wording, always the same: usual names, the style only where it isn't 3d."""

    class _First(random.Random):
        def random(self) -> float:
            return 0.4

        def choice(self, seq):  # type: ignore[no-untyped-def,override]  # noqa: ANN001, ANN202
            return seq[0]

    return caption_in(language, scene, subjects, _First())


def with_article(noun: str) -> str:
    """Such as "an apple", "a unicorn", "glasses"."""
    if _is_plural(noun):
        return noun
    vowel = noun[0] in "aeiou" and not noun.startswith(("uni", "ufo", "eu", "one"))
    return f"{'an' if vowel else 'a'} {noun}"


def plural(noun: str) -> str:
    """Such as "two foxes": the plural of a noun phrase, by the ending of its last word."""
    head, _, last = noun.rpartition(" ")
    if last in PLURALS:
        last = PLURALS[last]
    elif _is_plural(last):
        return noun
    elif last.endswith("man") and last != "human":
        last = last[:-3] + "men"
    elif last.endswith(("s", "x", "z", "ch", "sh")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{head} {last}".strip()


def _is_plural(noun: str) -> bool:
    last = noun.rsplit(" ", 1)[-1]
    return last.endswith("s") and not last.endswith(("ss", "us", "is", "cactus", "octopus"))


def _name(names: tuple[str, ...], rng: random.Random) -> str:
    return names[0] if len(names) == 1 or rng.random() < 0.6 else rng.choice(names)


def _english(scene: Scene, things: list[Subject], style: str | None, rng: random.Random) -> str:
    names = [_name(thing.en, rng) for thing in things]
    if scene.tint is not None:
        names[0] = f"{scene.tint} {names[0]}"
    before = style is not None and rng.random() < 0.5
    if before:
        names[0] = f"{style} {names[0]}"
    bare = scene.kind == "single" and rng.random() < 0.25
    text = names[0] if bare else _english_phrase(scene, names, rng)
    if scene.background is not None:
        joint = rng.choice((" on {}", ", {}", " with {}"))
        ground = f"{scene.background} background"
        text += joint.format(ground if joint[0] == "," else with_article(ground))
    elif rng.random() < 0.08:
        text += rng.choice((" on a white background", ", white background"))
    if style is not None and not before:
        text += rng.choice((f", {style} style", f", {style}", f" in {style} style"))
    if scene.kind == "single" and things[0].en_tags and rng.random() < 0.08:
        text += f", {rng.choice(things[0].en_tags)}"
    return text


def _english_phrase(scene: Scene, names: list[str], rng: random.Random) -> str:
    first = with_article(names[0])
    if scene.kind == "pair":
        joint = rng.choice((" and ", " and ", " next to "))
        return f"{first}{joint}{with_article(names[1])}"
    if scene.kind == "count":
        number = COUNTS[scene.count][0] if rng.random() < 0.8 else str(scene.count)
        return f"{number} {plural(names[0])}"
    if scene.kind == "wear":
        worn = names[1]
        if scene.items[1] not in GLASSES and rng.random() < 0.35:
            worn = "hat"
        return f"{first} {rng.choice(('wearing', 'wearing', 'with'))} {with_article(worn)}"
    return first if rng.random() < 0.85 else f"a picture of {first}"


def _chinese(scene: Scene, things: list[Subject], style: str | None, rng: random.Random) -> str:
    names = [_name(thing.zh, rng) for thing in things]
    if scene.tint is not None:
        names[0] = f"{COLOURS[scene.tint][0]}的{names[0]}"
    text = _chinese_phrase(scene, names, things, rng)
    if scene.background is not None:
        colour = COLOURS[scene.background][0]
        joint = rng.choice((f"{colour}背景上的{text}", f"{text}，{colour}背景"))
        text = joint
    elif rng.random() < 0.08:
        text = rng.choice((f"白色背景上的{text}", f"{text}，白色背景"))
    if style is not None:
        text = rng.choice((f"{text}，{style}风格", f"{style}风格的{text}", f"{text}，{style}"))
    if scene.kind == "single" and things[0].zh_tags and rng.random() < 0.08:
        text += f"，{rng.choice(things[0].zh_tags)}"
    return text


def _chinese_phrase(
    scene: Scene, names: list[str], things: list[Subject], rng: random.Random
) -> str:
    counted = [f"一{thing.measure}{name}" for thing, name in zip(things, names, strict=True)]
    if scene.kind == "pair":
        joint = rng.choice(("和", "和", "与"))
        return rng.choice((joint.join(names), joint.join(counted)))
    if scene.kind == "count":
        number = COUNTS[scene.count][1] if rng.random() < 0.8 else str(scene.count)
        return f"{number}{things[0].measure}{names[0]}"
    if scene.kind == "wear":
        worn = names[1]
        if scene.items[1] not in GLASSES and rng.random() < 0.35:
            worn = "帽子"
        wearing = f"戴{rng.choice(('', '着'))}{worn}的{names[0]}"
        return wearing if rng.random() < 0.5 else f"一{things[0].measure}{wearing}"
    return names[0] if rng.random() < 0.55 else counted[0]
