"""`generate --init --mask`: pictures that begin with pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.commands.test_cli import run
from tests.hostile_pictures import gradient, saved
from webui.commands.start_pictures import Start, begun, fitting
from webui.commands.targets import targets
from webui.core import infotext
from webui.core.errors import InvalidRequest

QUICK = ("--steps", "2", "--seed", "42")


def start(size: tuple[int, int]) -> Start:
    return Start(size, {"init_image": "a" * 64}, {})


@pytest.mark.parametrize(
    ("size", "borders", "drawn"),
    [
        ((512, 768), (0, 0), (512, 768)),
        ((515, 765), (0, 0), (512, 768)),
        ((4096, 2048), (0, 0), (2048, 1024)),
        ((30, 60), (0, 0), (64, 128)),
        ((1, 5000), (0, 0), (64, 2048)),
        ((512, 512), (128, 64), (640, 576)),
        ((2048, 2048), (0, 256), (1792, 2048)),
    ],
)
def test_a_picture_is_drawn_in_its_own_size_as_near_as_possible(
    size: tuple[int, int], borders: tuple[int, int], drawn: tuple[int, int]
) -> None:
    assert fitting(size, borders) == drawn


def test_what_is_given_counts_and_only_masked_leaves_the_size_to_the_model() -> None:
    plain = begun(start((512, 768)), {"width": None, "denoising_strength": None})
    assert plain == {
        "width": "512", "height": "768", "denoising_strength": 0.75, "init_image": "a" * 64,
    }  # fmt: skip
    given = begun(start((512, 768)), {"width": "256", "denoising_strength": "0.3"})
    assert (given["width"], given["height"], given["denoising_strength"]) == ("256", "768", "0.3")
    masked = begun(start((512, 768)), {"inpaint_area": "Only masked"})
    assert "width" not in masked
    assert "width" not in begun(start((512, 768)), {"tile_upscale": True})
    grown = begun(start((512, 768)), {"outpaint_left": "64", "outpaint_up": "many"})
    assert (grown["width"], grown["height"]) == ("576", "768")


def test_files_get_names_that_are_free(tmp_path: Path) -> None:
    one, two = tmp_path / "a.png", tmp_path / "b" / "a.jpg"
    two.parent.mkdir()
    for path in (one, two):
        path.write_bytes(b"x")

    def names(output: Path, pictures: int, *starts: Path) -> list[str]:
        return [p.relative_to(tmp_path).as_posix() for p in targets(output, 7, pictures, starts)]

    assert names(tmp_path, 1, one, two) == ["a-1.png", "a-2.png"]
    assert names(two.parent, 1, one, two) == ["b/a.png", "b/a-1.png"]
    assert names(tmp_path, 1) == ["inkstone-7.png"]
    assert names(tmp_path / "x.webp", 2, one, two) == ["x-1.webp", "x-2.webp"]
    (tmp_path / "c-2.png").write_bytes(b"x")
    assert names(tmp_path, 2, Path("c.png")) == ["c-1.png"]  # would write c-2.png else
    for output in (one, tmp_path / "b" / ".." / "a.png"):
        with pytest.raises(InvalidRequest) as caught:
            targets(output, 7, 1, [one])
        assert caught.value.message.key == "error.output_start"


def test_each_start_picture_becomes_a_picture_and_nothing_is_overwritten(tmp_path: Path) -> None:
    for name, size in (("a_b", (96, 64)), ("c", (64, 96))):
        (tmp_path / f"{name}.png").write_bytes(saved(gradient(size), "PNG"))
    before = (tmp_path / "c.png").read_bytes()
    mask = Image.new("L", (96, 64))
    mask.paste(255, (48, 0, 96, 64))
    mask.save(tmp_path / "mask.bmp")
    inits = ("--init", str(tmp_path / "a_b.png"), "--init", str(tmp_path / "c.png"))
    cover = ("--mask", str(tmp_path / "mask.bmp"), "--mask-blur", "0")
    done = run("generate", "a red apple", *inits, *cover, *QUICK, "-o", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "2" in done.stderr
    for name, size in (("a_b-1", (96, 64)), ("c-1", (64, 96))):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.size == size
            values = infotext.parse(picture.info["parameters"]).values()
            assert (values["denoising_strength"], values["seed"]) == (0.75, 42)
    assert (tmp_path / "c.png").read_bytes() == before


def test_a_picture_is_enlarged_in_tiles(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(saved(gradient((96, 64)), "PNG"))
    init = ("--init", str(tmp_path / "a.png"), "--tile-upscale", "--tile-scale")
    size = ("--width", "128", "--height", "128", "--tile-overlap", "32")
    asked = ("generate", "a red apple", *init, "2", *size, *QUICK, "--denoising-strength", "0.3")
    done = run(*asked, "-o", str(tmp_path / "b.png"))
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "b.png") as picture:
        assert picture.size == (192, 128)
        assert "SD upscale upscaler: Lanczos" in picture.info["parameters"]
    much = run("generate", "x", *init, "4", "--tile-overlap", "250", "--width", "256", *QUICK)
    assert much.returncode == 2
    assert much.stderr.startswith("--tile-overlap: ")


def test_what_cannot_be_used_is_named_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "an_svg.png").write_bytes(b"<svg/>")
    (tmp_path / "good.png").write_bytes(saved(gradient(), "PNG"))
    svg, good, none = (str(tmp_path / name) for name in ("an_svg.png", "good.png", "none.png"))
    done = run("generate", "x", "--init", svg, "--init", good, "--init", none, *QUICK)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[0].startswith("--init an_svg.png: This is SVG")
    assert lines[1].startswith("--init none.png: ")
    alone = run("generate", "x", "--mask", good, *QUICK, lang="zh_CN.UTF-8")
    assert alone.returncode == 2
    assert alone.stderr.startswith("--mask: 给了蒙版")
