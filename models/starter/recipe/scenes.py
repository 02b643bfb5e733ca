"""What is on a picture, as a value: one thing, a pair, several of a kind, or one wearing another.

Scenes are the only source of composition. Some combinations are held out of training, so that
the evaluation can ask for what the model has never seen.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from recipe.render import Icons
from recipe.styles import COLOURS, COUNTS, STYLES

Kind = Literal["single", "pair", "count", "wear"]
KINDS: tuple[Kind, ...] = ("single", "pair", "count", "wear")

HATS = ("top-hat", "crown", "graduation-cap", "billed-cap", "womans-hat", "rescue-workers-helmet")
GLASSES = ("glasses", "sunglasses", "goggles")
WEARERS = (
    "dog-face",
    "cat-face",
    "fox",
    "lion",
    "tiger-face",
    "horse-face",
    "cow-face",
    "pig-face",
    "mouse-face",
    "hamster",
    "rabbit-face",
    "bear",
    "polar-bear",
    "koala",
    "panda",
    "wolf",
    "monkey-face",
    "frog",
    "chicken",
    "baby-chick",
    "penguin",
    "owl",
    "robot",
    "alien",
    "ghost",
    "snowman",
    "jack-o-lantern",
    "full-moon-face",
    "sun-with-face",
    "grinning-face",
    "skull",
    "smiling-face-with-smiling-eyes",
    "slightly-smiling-face",
    "neutral-face",
    "clown-face",
    "unicorn",
    "front-facing-baby-chick",
    "teddy-bear",
)
"""Subjects whose upper part is a head."""

UNTINTED_STYLES = frozenset({"line"})

HELD_OUT_TINTS = frozenset(
    {("elephant", "blue"), ("cat-face", "green"), ("automobile", "purple"), ("pear", "blue")}
)
HELD_OUT_PAIRS = frozenset(
    frozenset(pair)
    for pair in (("cat-face", "red-apple"), ("rocket", "banana"), ("dog-face", "pizza"))
)
HELD_OUT_WEARERS = frozenset({"dog-face", "koala"})
HELD_OUT_COUNTS = frozenset({("penguin", 3), ("strawberry", 2)})
HELD_OUT_STYLES = frozenset({("tiger-face", "pixel"), ("sunflower", "line")})
HELD_OUT_BACKGROUNDS = frozenset({("panda", "red"), ("guitar", "green")})


@dataclass(frozen=True)
class Scene:
    """A picture's content. `items`: one slug, or two for a pair and for wearer and worn.

    `tint` recolours the first item; `background` None is white.
    """

    kind: Kind
    style: str
    items: tuple[str, ...]
    count: int = 1
    tint: str | None = None
    background: str | None = None


def held_out(scene: Scene) -> bool:
    """Whether training must not show this combination."""
    first = scene.items[0]
    return (
        (scene.kind == "pair" and frozenset(scene.items) in HELD_OUT_PAIRS)
        or (scene.kind == "wear" and first in HELD_OUT_WEARERS)
        or (first, scene.tint) in HELD_OUT_TINTS
        or (first, scene.count) in HELD_OUT_COUNTS
        or (first, scene.background) in HELD_OUT_BACKGROUNDS
        or any((item, scene.style) in HELD_OUT_STYLES for item in scene.items)
    )


class SceneMaker:
    """Draws random scenes from what the icons offer; never a held-out one."""

    def __init__(self, icons: Icons, *, composed: bool = True) -> None:
        """`composed` False leaves single things, plain or on a coloured background."""
        self._by_style: Mapping[str, Sequence[str]] = {
            style: [slug for slug, other in icons.rows if other == style] for style in STYLES
        }
        self._styles = [style for style in STYLES if self._by_style[style]]
        self._weights = [STYLES[style].share for style in self._styles]
        self._composed = composed

    def make(self, rng: random.Random) -> Scene:
        """One scene."""
        while True:
            scene = self._any(rng)
            if scene is not None and self.allows(scene):
                return scene

    def allows(self, scene: Scene) -> bool:
        """Whether the scene may be trained on: it isn't held out, nor black on black."""
        return not held_out(scene) and (scene.style, scene.background) != ("line", "black")

    def _any(self, rng: random.Random) -> Scene | None:
        style = rng.choices(self._styles, self._weights)[0]
        slugs = self._by_style[style]
        draw = rng.random() if self._composed else rng.random() * 0.58
        background = rng.choice(list(COLOURS))
        if draw < 0.42:
            return Scene("single", style, (rng.choice(slugs),))
        if draw < 0.58:
            return Scene("single", style, (rng.choice(slugs),), background=background)
        if draw < 0.68:
            return self._tinted(style, slugs, background if rng.random() < 0.25 else None, rng)
        other = background if rng.random() < 0.25 else None
        if draw < 0.82:
            pair = rng.choice(slugs), rng.choice(slugs)
            return Scene("pair", style, pair, background=other) if pair[0] != pair[1] else None
        if draw < 0.92:
            count = rng.choice(list(COUNTS))
            return Scene("count", style, (rng.choice(slugs),), count, background=other)
        return self._wearing(style, slugs, other, rng)

    def _tinted(
        self, style: str, slugs: Sequence[str], background: str | None, rng: random.Random
    ) -> Scene | None:
        tint = rng.choice(list(COLOURS))
        if style in UNTINTED_STYLES or tint == background:
            return None
        return Scene("single", style, (rng.choice(slugs),), tint=tint, background=background)

    def _wearing(
        self, style: str, slugs: Sequence[str], background: str | None, rng: random.Random
    ) -> Scene | None:
        here = set(slugs)
        wearers = [slug for slug in WEARERS if slug in here]
        worn = [slug for slug in HATS + GLASSES if slug in here]
        if not wearers or not worn:
            return None
        return Scene("wear", style, (rng.choice(wearers), rng.choice(worn)), background=background)
