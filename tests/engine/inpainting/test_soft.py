"""Soft inpainting's formulas, by their properties and by hand."""

from __future__ import annotations

import pytest
import torch

from tests.engine.test_pipeline import small
from webui.engine.inpainting.soft import Soft, soft_of

USUAL = Soft(1.0, 0.5, 4.0, 0.0, 0.5, 2.0)
NMASK = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0]).reshape(1, 1, 1, 5)


def changed(**fields: float) -> Soft:
    return Soft(**{**USUAL.__dict__, **fields})


def test_the_request_says_how() -> None:
    assert soft_of(small()) is None
    assert soft_of(small(soft_inpainting=True)) == USUAL
    asked = soft_of(small(soft_inpainting=True, soft_contrast=9, soft_mask_influence=1))
    assert asked == changed(contrast=9.0, mask_influence=1.0)


def test_masks_are_stricter_at_high_levels_and_where_preservation_is_strong() -> None:
    assert torch.allclose(USUAL.at_level(NMASK, 4.0), NMASK**2)
    assert torch.allclose(changed(schedule_bias=2.0).at_level(NMASK, 4.0), NMASK**8)
    low, high = (USUAL.at_level(NMASK, sigma) for sigma in (0.1, 10.0))
    assert bool((low >= high).all())
    for preservation in (0.0, 8.0):
        ends = changed(preservation=preservation).at_level(NMASK, 3.0)
        assert ends[..., 0].item() == 0
        assert ends[..., -1].item() == 1
    assert bool((changed(preservation=0.0).at_level(NMASK, 3.0)[..., 1:] == 1).all())


@pytest.mark.parametrize("contrast", [1.0, 4.0, 32.0])
def test_mixtures_are_as_long_as_what_they_are_made_of(contrast: float) -> None:
    a, b = torch.randn(2, 1, 4, 1, 5) * 20
    mixed = changed(contrast=contrast).mixed(a, b, NMASK)
    first, second, length = (x.double().norm(dim=1) for x in (a, b, mixed))
    share = NMASK[:, 0].double()
    wanted = (first**contrast * (1 - share) + second**contrast * share) ** (1 / contrast)
    assert torch.allclose(length, wanted, rtol=1e-4)
    line = a.lerp(b, NMASK)
    assert torch.allclose(torch.cosine_similarity(mixed, line, dim=1), torch.ones(1, 1, 5))
    assert torch.equal(mixed[..., 0], a[..., 0])
    assert torch.equal(mixed[..., -1], b[..., -1])
    assert bool((first.minimum(second) * 0.999 <= length).all())
    same = torch.zeros(1, 4, 1, 5)
    assert torch.equal(USUAL.mixed(same, same, NMASK), same)


def test_what_has_changed_shows() -> None:
    before = torch.zeros(1, 4, 3, 5)
    after = before.clone()
    after[:, 0] = torch.tensor([0.0, 0.25, 0.5, 1.0, 4.0]).reshape(1, 5)
    # Alike in all rows and with even columns far away: evened out over columns alone.
    even = after[:, :1, :1]
    wide = torch.cat([even[..., :1], even, even[..., -1:]], dim=-1)
    distance = (wide[..., :-2] + 2 * wide[..., 1:-1] + wide[..., 2:]) / 4
    share = USUAL.changed(NMASK, before, after)
    assert share.shape == (1, 1, 3, 5)
    assert torch.allclose(share[:, :, :1], 1 / (1 + (0.5 / distance.clamp(min=1e-6)) ** 2))
    assert bool((share[..., 1:] >= share[..., :-1]).all())
    sharp = changed(difference_contrast=8.0).changed(NMASK, before, after)
    assert float(sharp[0, 0, 0, 4]) > float(share[0, 0, 0, 4])
    higher = changed(difference_threshold=2.0).changed(NMASK, before, after)
    assert bool((higher <= share).all())


def test_with_influence_the_mask_decides() -> None:
    before = torch.zeros(1, 4, 1, 5)
    after = torch.full_like(before, 0.25)
    plain = USUAL.changed(NMASK, before, after)
    assert torch.allclose(plain, torch.full_like(plain, 0.5))
    told = changed(mask_influence=1.0).changed(NMASK, before, after)[0, 0, 0]
    assert float(told[0]) < 1e-6
    assert float(told[-1]) > 1 - 1e-6
    assert float(told[2]) == pytest.approx(0.5)
    none = changed(difference_threshold=0.0, mask_influence=1.0).changed(NMASK, before, after)
    assert bool((none == 1).all())
