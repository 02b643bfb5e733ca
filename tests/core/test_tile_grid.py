"""Where the tiles of SD upscale lie, and which requests are refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from webui.core import infotext
from webui.core.errors import InvalidRequest
from webui.core.request import GenerationRequest
from webui.core.tile_grid import MOST_TILES, tile_grid
from webui.core.validation import Names, complete

NAMES = Names(checkpoints=("starter",), upscalers=("ESRGAN",))
NAME = "0" * 64


def request(**fields):
    return GenerationRequest(tile_upscale=True, init_image=NAME, **fields)


@pytest.mark.parametrize(
    ("start", "fields", "columns", "rows"),
    [
        ((512, 512), {}, (0, 256, 512), (0, 256, 512)),
        ((512, 256), {"tile_overlap": 0}, (0, 512), (0,)),
        ((1000, 300), {}, (0, 372, 744, 1116, 1488), (0, 88)),
        ((700, 600), {"tile_upscaler": "None"}, (0, 188), (0, 88)),
        ((100, 100), {}, (0,), (0,)),
    ],
)
def test_as_few_tiles_as_cover_the_picture_with_their_overlap(start, fields, columns, rows):
    grid = tile_grid(start, request(**fields))
    assert (grid.columns, grid.rows, grid.count) == (columns, rows, len(columns) * len(rows))


@settings(deadline=None, max_examples=300)
@given(
    st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    st.tuples(st.integers(33, 256), st.integers(33, 256)),
    st.floats(1, 4),
    st.integers(0, 256),
)
def test_every_grid_covers_its_picture(start, cells, scale, overlap):
    size = {"width": cells[0] * 8, "height": cells[1] * 8}
    try:
        grid = tile_grid(start, request(**size, tile_scale=scale, tile_overlap=overlap))
    except InvalidRequest:
        assume(False)
    assert grid.size == tuple(max(1, round(side * scale)) for side in start)
    for axis, starts in enumerate((grid.columns, grid.rows)):
        side, tile = grid.size[axis], grid.tile[axis]
        assert starts[0] == 0
        assert 0 <= starts[-1] + tile - side < (8 if side > 56 else 64)
        shared = [one + tile - other for one, other in pairwise(starts)]
        assert all(overlap <= pixels < tile for pixels in shared)
        assert grid.covered[axis] == starts[-1] + tile
    assert grid.place(grid.count - 1) == (grid.columns[-1], grid.rows[-1])


def test_what_would_be_too_much_is_told_with_its_tiles():
    with pytest.raises(InvalidRequest) as caught:
        tile_grid((4096, 4096), request(tile_scale=4, width=1024, height=1024))
    [message] = caught.value.problems
    assert (message.key, message.field) == ("error.tile_size", "tile_scale")
    assert (message.values["got"], message.values["tiles"]) == ("16384x16384", 289)
    with pytest.raises(InvalidRequest) as caught:
        tile_grid((1024, 1024), request(width=64, height=64, tile_overlap=60))
    [message] = caught.value.problems
    assert (message.key, message.field) == ("error.tile_count", "tile_overlap")
    assert message.values["tiles"] > message.values["high"] == MOST_TILES


@pytest.mark.parametrize(
    ("fields", "key", "field"),
    [
        ({"init_image": ""}, "error.tile_alone", "tile_upscale"),
        ({"mask": NAME}, "error.tile_part", "tile_upscale"),
        ({"outpaint_left": 64}, "error.tile_part", "tile_upscale"),
        ({"tiling": True}, "error.tile_seamless", "tile_upscale"),
        ({"width": 64, "tile_overlap": 64}, "error.tile_overlap", "tile_overlap"),
        ({"tile_overlap": 257}, "error.range_whole", "tile_overlap"),
        ({"tile_scale": 4.1}, "error.range", "tile_scale"),
        ({"tile_upscaler": "Latent"}, "error.unknown_name", "tile_upscaler"),
    ],
)
def test_what_does_not_go_together_is_refused(fields, key, field):
    with pytest.raises(InvalidRequest) as caught:
        complete({"tile_upscale": True, "init_image": NAME, **fields}, NAMES)
    assert [(one.key, one.field) for one in caught.value.problems] == [(key, field)]


def test_batches_are_of_tiles():
    asked = {"tile_upscale": True, "init_image": NAME, "batch_size": 4, "batch_count": 3}
    assert complete({**asked, "tile_upscaler": "ESRGAN"}, NAMES).pictures == 3


def test_infotexts_of_the_incumbent_are_understood():
    text = "a\nSteps: 20, Sampler: Euler, Seed: 1, Size: 640x512, Denoising strength: 0.3, "
    values = infotext.parse(text + "SD upscale overlap: 96, SD upscale upscaler: ESRGAN").values()
    tiles = {name: value for name, value in values.items() if name.startswith("tile_")}
    assert tiles == {
        "tile_upscale": True, "tile_overlap": 96, "tile_upscaler": "ESRGAN", "tile_scale": 2.0,
    }  # fmt: skip
    assert "tile_overlap" not in infotext.parse(text + "Version: v1.10.1").values()
    written = infotext.format(request(tile_scale=1.5, resize_mode="Crop and resize"))
    assert "SD upscale overlap: 64, SD upscale upscaler: Lanczos, SD upscale factor: 1.5" in written
    assert "Resize mode" not in written
