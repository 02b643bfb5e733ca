"""Which subjects are chosen, and what they are called."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image
from recipe.render import Icons, read_pack, svg_of, write_pack
from recipe.subjects import Subject, choose, slug_of

from tests.recipe.conftest import FIXTURES

NAMES = json.loads((FIXTURES / "names.json").read_text(encoding="utf-8"))
FLAT = json.loads((FIXTURES / "flat.json").read_text(encoding="utf-8"))


def chosen() -> dict[str, Subject]:
    found = choose(NAMES["en"], NAMES["zh"], NAMES["subgroups"])
    return {subject.slug: subject for subject in found}


def test_flags_clocks_twins_and_bodies_are_left_out() -> None:
    labels = {row["label"] for row in NAMES["en"]}
    assert {"flag: Andorra", "one o’clock", "man cook", "dog"} <= labels
    assert set(chosen()) == {
        "cook", "dog-face", "cat-face", "red-apple", "rocket", "pinata", "mans-shoe"
    }  # fmt: skip


def test_everyday_names_come_first() -> None:
    dog, apple = chosen()["dog-face"], chosen()["red-apple"]
    assert dog.en == ("dog", "dog face")
    assert dog.zh[0] == "狗"
    assert (apple.en[0], apple.zh[0]) == ("apple", "苹果")
    assert chosen()["rocket"].measure == "枚"


def test_slugs_are_those_of_the_icon_sets() -> None:
    assert slug_of("man’s shoe") == "mans-shoe"
    assert slug_of("piñata") == "pinata"
    assert slug_of("jack-o-lantern") == "jack-o-lantern"


def test_an_icon_becomes_a_whole_svg_also_by_its_alias() -> None:
    svg = svg_of(FLAT, "red-apple")
    assert svg is not None
    assert svg.startswith('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">')
    assert svg_of(FLAT, "apple") == svg
    assert svg_of(FLAT, "no-such-icon") is None


def test_a_pack_gives_back_what_was_rendered(tmp_path: Path) -> None:
    subjects = [subject for slug, subject in chosen().items() if slug in {"rocket", "cook"}]
    seen: list[str] = []

    def rasterise(svg: str, size: int) -> Image.Image:
        seen.append(svg)
        return Image.new("RGBA", (size, size), (250, 10, 20, 255))

    count = write_pack(
        tmp_path / "data.zip", subjects, {"flat": FLAT}, size=32, rasterise=rasterise
    )
    read = read_pack(tmp_path / "data.zip", 16, styles=("flat",))
    assert count == len(seen) == 1
    assert list(read.subjects.values()) == [chosen()["rocket"]]
    assert read.pixels.shape == (1, 4, 16, 16)
    assert int(read.pixels[0, 0].min()) > 240
    assert read.boxes.tolist() == [[0.0, 0.0, 1.0, 1.0]]


def test_smaller_icons_keep_their_colours(icons: Icons) -> None:
    small = icons.shrunk(16)
    row = icons.rows["red-apple", "3d"]
    assert small.size == 16
    assert small.rows == icons.rows
    for picture in (icons.pixels[row].float(), small.pixels[row].float()):
        weight = picture[3:] / picture[3].sum()
        red, green, _ = (picture[:3] * weight).sum((1, 2)).tolist()
        assert red > 170
        assert green < 90


def test_pixel_style_is_coarse(icons: Icons) -> None:
    picture = icons.pixels[icons.rows["rocket", "pixel"]]
    blocks = picture.reshape(4, 32, 2, 32, 2)
    assert bool((blocks == blocks[:, :, :1, :, :1]).all())
    assert set(picture[3].unique().tolist()) == {0, 255}
