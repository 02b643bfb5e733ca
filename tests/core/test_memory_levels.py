"""What follows from a device's memory."""

from __future__ import annotations

import pytest

from webui.core.memory_levels import GIGABYTE, Budget, budget_of, class_of

SD1, SDXL = 2_130_000_000, 6_940_000_000
"""Bytes of the weights in half precision."""


@pytest.mark.parametrize(
    ("gigabytes", "size"), [(2, 2), (3.8, 4), (5.8, 6), (7.6, 8), (11.8, 12), (15.3, 16), (140, 80)]
)
def test_devices_count_as_of_the_class_they_are_sold_as(gigabytes: float, size: float) -> None:
    assert class_of(int(gigabytes * GIGABYTE)) == pytest.approx(size)


@pytest.mark.parametrize(
    ("gigabytes", "sd1", "sdxl", "pictures", "whole"),
    [
        (4, True, False, 4, False),
        (6, True, False, 4, True),
        (8, True, False, 8, True),
        (12, True, True, 8, True),
        (24, True, True, 8, True),
    ],
)
def test_what_each_class_does(
    gigabytes: int, sd1: bool, sdxl: bool, pictures: int, whole: bool
) -> None:
    """For a batch of 8 of SDXL at 1024x1024 in half precision, and its VAE."""
    budget = budget_of("auto", gigabytes * GIGABYTE)
    assert (budget.keeps(SD1), budget.keeps(SDXL)) == (sd1, sdxl)
    assert budget.pictures_at_once(8, 128 * 128, 320, 2) == pictures
    assert budget.decodes_whole(1024 * 1024, 128, 2) is whole


def test_a_person_may_choose() -> None:
    total = 24 * GIGABYTE
    assert budget_of("low", total) == Budget(4)
    assert budget_of("medium", total) == Budget(8)
    assert budget_of("medium", 6 * GIGABYTE) == Budget(6)
    high = budget_of("high", 4 * GIGABYTE)
    assert high.keeps(10**12)
    assert high.pictures_at_once(64, 10**6, 320, 4) == 64
