"""Where the pictures of a grid lie, and when there is none."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image

from webui.services.compat.grids import Grid
from webui.services.metadata import read_metadata
from webui.services.picture_files import encode_picture

INFOTEXT = "a cat\nSteps: 2, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 32x16"


@pytest.fixture
def picture(images, job):
    return images.save(job, 0, 7, bytes(64 * 64 * 3), 64, 64, "", "{}")


@pytest.mark.parametrize(
    ("grid", "count", "shape"),
    [
        (Grid(), 4, (2, 2)),
        (Grid(), 3, (2, 2)),
        (Grid(), 7, (3, 3)),
        (Grid(full=True), 6, (3, 2)),
        (Grid(full=True), 7, (7, 1)),
        (Grid(rows=0), 6, (2, 3)),
        (Grid(rows=9), 2, (1, 2)),
    ],
)
def test_its_columns_and_rows(grid, count, shape):
    assert grid.shape(count, batch_size=3) == shape


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_it_is_a_file_as_the_pictures_are_with_an_infotext(kind):
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    files = [encode_picture(bytes(c) * 512, 32, 16, kind, "", "").data for c in colours]
    grid = Grid().drawn(files, 1, INFOTEXT)
    said = read_metadata(grid)
    assert said is not None
    assert (said.format, said.size, said.infotext) == (kind.upper(), (64, 32), INFOTEXT)
    with Image.open(io.BytesIO(grid)) as image:
        seen = [image.convert("RGB").getpixel(at) for at in ((5, 5), (40, 5), (5, 20), (40, 20))]
    for got, put in zip(seen, [*colours, (0, 0, 0)], strict=True):
        assert max(abs(a - b) for a, b in zip(got, put, strict=True)) < 16


def test_one_picture_needs_none_and_too_large_a_one_is_not_made(picture):
    large = replace(picture, width=2048, height=2048)
    assert Grid().fits([picture, picture], 1)
    assert not Grid().fits([picture], 1)
    assert Grid().fits([large] * 12, 1)
    assert not Grid().fits([large] * 17, 1)
