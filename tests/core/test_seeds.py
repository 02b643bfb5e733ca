"""Which seeds the pictures of a job have."""

from __future__ import annotations

import pytest

from webui.core.request import GenerationRequest
from webui.core.seeds import picture_seeds, single, variation_seed


def job(strength: float) -> GenerationRequest:
    return GenerationRequest(
        seed=10, variation_seed=70, variation_strength=strength, batch_size=2, batch_count=2
    )


def test_seeds_count_up_unless_pictures_are_varied() -> None:
    assert picture_seeds(job(0.0)) == (10, 11, 12, 13)
    assert picture_seeds(job(0.1)) == (10, 10, 10, 10)
    assert [variation_seed(job(0.1), index) for index in range(4)] == [70, 71, 72, 73]


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_a_single_picture_has_the_seeds_it_had_in_its_job(strength: float) -> None:
    alone = single(job(strength), 3)
    assert alone.pictures == 1
    assert picture_seeds(alone) == (picture_seeds(job(strength))[3],)
    assert variation_seed(alone, 0) == 73
    assert single(alone, 0) == alone
