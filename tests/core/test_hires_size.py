"""The sizes, steps and models of a request's passes."""

from __future__ import annotations

import pytest

from webui.core.errors import InvalidRequest
from webui.core.hires_size import HiresSize, final_size, hires_size
from webui.core.passes import further_models, pass_steps
from webui.core.request import GenerationRequest
from webui.core.validation import Names, complete

NAMES = Names(checkpoints=("a", "b"))


@pytest.mark.parametrize(
    ("fields", "enlarged", "target"),
    [
        ({"hires_scale": 2}, (1024, 512), (1024, 512)),
        ({"hires_scale": 1.55}, (793, 396), (792, 392)),
        ({"hires_width": 1000}, (1000, 500), (1000, 496)),
        ({"hires_height": 600, "hires_scale": 4}, (1200, 600), (1200, 600)),
        ({"hires_width": 768, "hires_height": 768}, (1536, 768), (768, 768)),
        ({"hires_width": 1200, "hires_height": 200}, (1200, 600), (1200, 200)),
    ],
)
def test_the_size_follows_the_wishes(fields, enlarged, target):
    request = GenerationRequest(width=512, height=256, hires=True, **fields)
    assert hires_size(request) == HiresSize(enlarged, target)
    assert final_size(request) == target


def test_steps_of_both_passes():
    def steps(**fields):
        return pass_steps(GenerationRequest(steps=20, **fields))

    assert steps(hires_steps=7) == (20, 0)
    assert steps(hires=True) == (20, 20)
    assert steps(hires=True, hires_steps=7) == (20, 7)
    assert steps(hires=True, denoising_strength=0) == (20, 0)
    assert steps(hires=True, first_pass="x") == (0, 20)


def test_further_models_are_those_that_are_used():
    names = {"checkpoint": "a", "hires_checkpoint": "b", "refiner_checkpoint": "c"}
    assert further_models(GenerationRequest(**names)) == {"refiner_checkpoint": "c"}
    assert set(further_models(GenerationRequest(hires=True, **names)).values()) == {"b", "c"}
    same = {"checkpoint": "a", "hires_checkpoint": "a", "refiner_checkpoint": ""}
    assert further_models(GenerationRequest(hires=True, **same)) == {}


@pytest.mark.parametrize(
    ("fields", "key", "field"),
    [
        ({"width": 2048, "hires_scale": 2.05}, "error.hires_size", "hires_scale"),
        ({"width": 2048, "height": 64, "hires_height": 256}, "error.hires_size", "hires_height"),
        ({"hires_width": 8}, "error.hires_size", "hires_width"),
        ({"hires": False, "first_pass": "x"}, "error.first_pass_alone", "first_pass"),
        ({"first_pass": "x", "batch_count": 2}, "error.first_pass_single", "batch_count"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_its_field(fields, key, field):
    with pytest.raises(InvalidRequest) as caught:
        complete({"hires": True, **fields}, NAMES)
    assert [(p.key, p.field) for p in caught.value.problems] == [(key, field)]


def test_sizes_without_hires_fix_are_left_alone():
    assert not complete({"width": 2048, "hires_scale": 4}, NAMES).hires
