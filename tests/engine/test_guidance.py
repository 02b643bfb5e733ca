"""When the negative prompt is left out, what that saves, and how contrast is brought back."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg
from torch import Tensor

from tests.engine.test_pipeline import small
from webui.engine.bundle import ModelBundle
from webui.engine.conditioning import TextDenoiser, calls_of
from webui.engine.guidance import Guidance, combine, rescaled
from webui.engine.plan import denoiser_for, make_plan
from webui.engine.text_encoder import PromptEncoder

SIGMA = torch.tensor(3.0, dtype=torch.float64)
LONG = "cat " * 80


@pytest.fixture(autouse=True)
def _inference():
    with torch.inference_mode():
        yield


def told(bundle: ModelBundle, **fields: Any) -> TextDenoiser:
    request = small(**{"steps": 4, "sampler": "Euler", **fields})
    return denoiser_for(make_plan(bundle, request, PromptEncoder(bundle)), request, 1)


def sizes(bundle: ModelBundle, denoise: TextDenoiser, levels: list[float]) -> list[list[tuple]]:
    """(latents, tokens) of the model's calls, for each call of the denoiser."""
    x = torch.randn(1, 4, 8, 8)
    seen: list[list[tuple]] = []
    hook = bundle.unet.register_forward_pre_hook(
        lambda _, args: seen[-1].append((len(args[0]), args[2].shape[1]))
    )
    try:
        for level in levels:
            seen.append([])
            denoise(x, torch.tensor(level, dtype=torch.float64))
    finally:
        hook.remove()
    return seen


BOTH, ALONE = [(2, 77)], [(1, 77)]


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, [BOTH] * 6),
        ({"ngms": 3.0}, [BOTH, BOTH, BOTH, ALONE, BOTH, ALONE]),
        ({"ngms": 3.0, "ngms_all_steps": True}, [BOTH, BOTH, ALONE, ALONE, ALONE, ALONE]),
        ({"skip_early_cond": 0.2, "steps": 6}, [ALONE, ALONE, BOTH, BOTH, BOTH, BOTH]),
        ({"skip_early_cond": 0.25, "steps": 2, "sampler": "Heun"}, [ALONE, ALONE] + [BOTH] * 4),
        ({"skip_early_cond": 1.0, "steps": 6}, [ALONE] * 6),
    ],
)
def test_a_skipped_negative_prompt_is_not_asked_for(
    tiny: ModelBundle, fields: dict[str, Any], wanted: list[list[tuple]]
) -> None:
    assert sizes(tiny, told(tiny, **fields), [9.0, 3.0, 2.9, 2.0, 1.0, 0.1]) == wanted


@pytest.mark.parametrize("sampler", ["Euler", "DDIM CFG++"])
def test_without_the_negative_prompt_the_estimate_is_the_prompts(
    tiny: ModelBundle, sampler: str
) -> None:
    x = torch.randn(1, 4, 8, 8)
    skipping = told(tiny, sampler=sampler, skip_early_cond=1.0, negative_prompt="dog")
    guided, uncond = skipping.with_uncond(x, SIGMA)
    alone = told(tiny, cfg_scale=1.0)(x, SIGMA)
    assert torch.equal(guided, alone)
    assert torch.equal(uncond, alone)


def test_of_several_prompts_the_first_stands_in_for_the_negative_one(tiny: ModelBundle) -> None:
    x = torch.randn(1, 4, 8, 8)
    cat, dog = (told(tiny, prompt=p, cfg_scale=1.0)(x, SIGMA) for p in ("cat", "dog"))
    both = told(tiny, prompt="cat:0.7 AND dog:0.4", skip_early_cond=1.0)(x, SIGMA)
    assert torch.allclose(both, cat + 0.4 * (dog - cat), atol=1e-5)


def test_contrast_is_rescaled_as_diffusers_does(tiny: ModelBundle) -> None:
    guided, cond = torch.randn(2, 4, 8, 8) * 3, torch.randn(2, 4, 8, 8)
    assert torch.allclose(
        rescaled(guided, cond, 0.7), rescale_noise_cfg(guided, cond, 0.7), atol=1e-6
    )
    x = torch.randn(1, 4, 8, 8)
    strong = told(tiny, cfg_scale=9.0)(x, SIGMA)
    prompt = told(tiny, cfg_scale=1.0)(x, SIGMA)
    full = told(tiny, cfg_scale=9.0, cfg_rescale=1.0)(x, SIGMA)
    assert float(full.std()) == pytest.approx(float(prompt.std()), rel=1e-4)
    assert torch.allclose(full / full.std(), strong / strong.std(), atol=1e-4)


def test_rescaling_measures_several_prompts_together() -> None:
    uncond, *conds = (torch.randn(1, 4, 8, 8) for _ in range(3))
    weights = (0.5, 0.25)
    got = Guidance(6.0, rescale=0.5).guide(uncond, conds, weights)
    wanted = combine(uncond, conds, weights, 1.0)
    assert torch.equal(got, rescaled(combine(uncond, conds, weights, 6.0), wanted, 0.5))


def test_texts_of_different_lengths_go_to_the_model_apart(tiny: ModelBundle) -> None:
    apart = told(tiny, prompt=f"{LONG} AND cat AND dog", negative_prompt="dog")
    assert sizes(tiny, apart, [3.0]) == [[(1, 77), (3, 154)]]
    padded = told(tiny, prompt=f"{LONG} AND cat AND dog", negative_prompt="dog", pad_conds=True)
    assert sizes(tiny, padded, [3.0]) == [[(4, 154)]]
    assert calls_of([77, 154, 77, 77, 77, 77], first=1) == [[1], [2, 3, 4, 5]]


def test_padding_changes_the_picture_of_texts_of_different_lengths_alone(tiny: ModelBundle) -> None:
    x = torch.randn(1, 4, 8, 8)

    def made(**fields: Any) -> Tensor:
        return told(tiny, **fields)(x, SIGMA)

    assert not torch.allclose(made(prompt=LONG), made(prompt=LONG, pad_conds=True), atol=1e-6)
    assert torch.equal(made(prompt="cat"), made(prompt="cat", pad_conds=True))


def test_a_denoiser_takes_over_where_another_stopped(tiny: ModelBundle) -> None:
    x = torch.randn(1, 4, 8, 8)
    request = small(prompt="[cat:dog:2]", steps=4, sampler="Euler", ngms=5.0)
    plan = make_plan(tiny, request, PromptEncoder(tiny))
    whole = denoiser_for(plan, request, 1)
    calls = [whole(x, SIGMA) for _ in range(4)]
    later = denoiser_for(plan, request, 1, done=2)
    assert torch.equal(later(x, SIGMA), calls[2])
    assert torch.equal(later(x, SIGMA), calls[3])
    assert not torch.equal(calls[0], calls[2])
