"""Scenes: what they show, what is held out of training, what their captions say."""

from __future__ import annotations

import random
import re

import torch
from recipe.captions import caption, caption_in, plain_caption, plural, with_article
from recipe.compose import places, render
from recipe.measures import background_of, tint_of
from recipe.pool import labels_of, make_scenes
from recipe.render import Icons
from recipe.scenes import Scene, SceneMaker, held_out
from recipe.styles import COLOURS, STYLES


def test_training_never_sees_a_held_out_scene(icons: Icons) -> None:
    scenes = make_scenes(icons, 3000, composed=True)
    assert not any(held_out(scene) for scene in scenes)
    assert {scene.kind for scene in scenes} == {"single", "pair", "count", "wear"}
    assert held_out(Scene("wear", "3d", ("dog-face", "top-hat")))
    assert held_out(Scene("pair", "3d", ("red-apple", "cat-face")))
    assert held_out(Scene("single", "3d", ("cat-face",), tint="green"))
    assert held_out(Scene("single", "line", ("sunflower",)))
    assert not held_out(Scene("single", "3d", ("cat-face",), tint="blue"))


def test_every_picture_is_trained_on_alone_and_the_same_scenes_come_again(icons: Icons) -> None:
    scenes = make_scenes(icons, 60, composed=True)
    alone = {(s.items[0], s.style) for s in scenes if s == Scene("single", s.style, s.items)}
    assert alone >= set(icons.rows)
    assert scenes == make_scenes(icons, 60, composed=True)
    assert scenes != make_scenes(icons, 60, composed=True, seed=1)


def test_without_composition_there_are_single_untinted_things(icons: Icons) -> None:
    rng, maker = random.Random(0), SceneMaker(icons, composed=False)
    scenes = [maker.make(rng) for _ in range(200)]
    assert {(scene.kind, scene.tint) for scene in scenes} == {("single", None)}
    assert {scene.background is None for scene in scenes} == {True, False}


def test_backgrounds_and_tints_can_be_told_from_the_picture(icons: Icons) -> None:
    for colour in COLOURS:
        ground = Scene("single", "3d", ("rocket",), background=colour)
        tinted = Scene("single", "flat", ("house",), tint=colour)
        shown = render(icons, [ground, tinted], random.Random(1))
        assert background_of(shown[0]) == colour
        assert background_of(shown[1]) is None
        assert tint_of(shown[1], tinted, icons) == colour


def test_a_hat_stands_on_the_head_and_glasses_before_the_eyes(icons: Icons) -> None:
    dog, hat = places(Scene("wear", "3d", ("dog-face", "top-hat")), icons)
    face, glasses = places(Scene("wear", "3d", ("cat-face", "sunglasses")), icons)
    assert hat.y < dog.y - 0.2
    assert abs(hat.x - dog.x) < 0.1
    assert abs(glasses.y - face.y) < 0.1
    assert hat.y + hat.size / 2 < glasses.y + 0.1
    assert glasses.size < face.size * 1.1


def test_pairs_and_counts_fill_their_places(icons: Icons) -> None:
    pair = Scene("pair", "3d", ("red-apple", "rocket"))
    left, right = (places(pair, icons)[i].x for i in (0, 1))
    assert left < 0.5 < right
    three = render(icons, [Scene("count", "3d", ("red-apple",), 3)])[0]
    drawn = (three - 1).abs().amax(0) > 0.2
    quarters = [drawn[:32, 16:48], drawn[32:, :32], drawn[32:, 32:]]
    assert all(float(part.float().mean()) > 0.2 for part in quarters)
    assert not bool(drawn[:20, :10].any())


def test_pictures_do_not_depend_on_the_batch(icons: Icons) -> None:
    scenes = [Scene("single", "3d", ("house",)), Scene("count", "flat", ("rocket",), 4)]
    both = render(icons, scenes)
    alone = torch.cat([render(icons, [scene]) for scene in scenes])
    assert torch.allclose(both, alone, atol=1e-6)
    assert both.shape == (2, 3, 64, 64)
    assert float(both.min()) >= -1
    assert float(both.max()) <= 1


def test_placing_is_exact_inside_an_autocast_region(icons: Icons) -> None:
    scenes = [Scene("pair", "3d", ("house", "rocket"))]
    with torch.autocast("cpu", torch.bfloat16):
        inside = render(icons, scenes, random.Random(3))
    assert torch.equal(inside, render(icons, scenes, random.Random(3)))
    assert inside.dtype == torch.float32


def test_captions_name_what_is_there(icons: Icons) -> None:
    rng = random.Random(0)
    scene = Scene("wear", "flat", ("cat-face", "sunglasses"), background="blue")
    for _ in range(60):
        english = caption_in("en", scene, icons.subjects, rng)
        chinese = caption_in("zh", scene, icons.subjects, rng)
        assert re.search(r"cat.* (wearing|with) sunglasses", english)
        assert "blue background" in english
        assert any(word in english for word in STYLES["flat"].en)
        assert "戴" in chinese
        assert "蓝色背景" in chinese
        assert "扁平" in chinese


def test_both_languages_come_and_a_bare_name_means_3d(icons: Icons) -> None:
    rng = random.Random(0)
    scene = Scene("single", "3d", ("red-apple",))
    written = [caption(scene, icons.subjects, rng) for _ in range(300)]
    chinese = sum(bool(re.search("[一-鿿]", text)) for text in written)
    assert 80 < chinese < 160
    assert {"apple", "an apple", "苹果"} <= set(written)
    flat = Scene("single", "flat", ("red-apple",))
    assert not {"apple", "an apple", "苹果"} & {
        caption(flat, icons.subjects, rng) for _ in range(300)
    }


def test_plain_captions_are_what_a_person_would_type(icons: Icons) -> None:
    def both(scene: Scene) -> tuple[str, str]:
        return tuple(plain_caption(lang, scene, icons.subjects) for lang in ("en", "zh"))  # type: ignore[arg-type,return-value]

    assert both(Scene("single", "3d", ("red-apple",))) == ("an apple", "苹果")
    assert both(Scene("count", "3d", ("cat-face",), 2)) == ("two cats", "两只猫")
    assert both(Scene("pair", "3d", ("cat-face", "rocket"))) == ("a cat and a rocket", "猫和火箭")
    assert both(Scene("wear", "3d", ("dog-face", "top-hat"))) == (
        "a dog wearing a top hat",
        "戴礼帽的狗",
    )
    assert both(Scene("single", "3d", ("house",), background="orange"))[0] == (
        "a house on an orange background"
    )
    assert both(Scene("single", "pixel", ("dog-face",)))[0] == "a pixel art dog"


def test_english_endings() -> None:
    words = ["fox", "cherry", "mouse", "glasses", "key", "octopus", "bus", "slice of cake", "leaf"]
    words += ["snowman", "human"]
    assert [plural(word) for word in words] == [
        "foxes", "cherries", "mice", "glasses", "keys", "octopuses", "buses", "slice of cakes",
        "leaves", "snowmen", "humans",
    ]  # fmt: skip
    assert [with_article(word) for word in ("apple", "unicorn", "jeans", "ufo", "glass")] == [
        "an apple", "a unicorn", "jeans", "a ufo", "a glass"
    ]  # fmt: skip


def test_labels_tell_scenes_apart(icons: Icons) -> None:
    slugs = {slug: index for index, slug in enumerate(icons.subjects)}
    scenes = list(dict.fromkeys(make_scenes(icons, 400, composed=True)))
    labels = [tuple(labels_of(scene, slugs)) for scene in scenes]
    assert len(set(labels)) == len(scenes)
