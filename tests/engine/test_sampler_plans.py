"""What the pipeline prepares for samplers with wishes of their own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.engine.test_pipeline import Recorder, drawn, small
from webui.core.catalogue import BUILTIN
from webui.engine.bundle import ModelBundle
from webui.engine.conditioning import TextDenoiser, plan_texts
from webui.engine.denoiser import model_denoiser
from webui.engine.guidance import Guidance
from webui.engine.pipeline import generate
from webui.engine.plan import first_pass, make_plan, sampler_options
from webui.engine.samplers import TwoSidedDenoiser
from webui.engine.text_encoder import PromptEncoder

SIGMA = torch.tensor(3.0, dtype=torch.float64)


def row(bundle: ModelBundle, sampler: str, **fields: object) -> list[float]:
    request = small(sampler=sampler, **fields)
    levels: list[float] = make_plan(bundle, request, PromptEncoder(bundle)).sigmas.tolist()
    return levels


def options(bundle: ModelBundle, **fields: object) -> dict[str, object]:
    request = small(**fields)
    return sampler_options(make_plan(bundle, request, PromptEncoder(bundle)), request)


@pytest.mark.parametrize("sampler", ["DPM2", "DPM2 a"])
def test_the_last_level_but_one_is_discarded(tiny: ModelBundle, sampler: str) -> None:
    golden = "14.6146 9.5583 6.0822 3.7513 2.2322 1.2741 0.6926 0.3552 0.1698 0.0744 0"
    wanted = [float(word) for word in golden.split()]
    assert row(tiny, sampler, steps=10) == pytest.approx(wanted, abs=6e-5)
    assert len(row(tiny, sampler, steps=1)) == 2


def test_lcm_walks_the_levels_it_was_distilled_on(tiny: ModelBundle) -> None:
    wanted = [float(tiny.sigmas[t]) for t in (999, 19)]
    assert row(tiny, "LCM", steps=2) == pytest.approx([*wanted, 0.0])


@torch.inference_mode()
def test_distilled_models_are_asked_at_their_timesteps(tiny: ModelBundle) -> None:
    told: list[float] = []
    hook = tiny.unet.register_forward_pre_hook(lambda _, args: told.append(float(args[1][0])))
    try:
        context = PromptEncoder(tiny).encode("a cat")
        denoise = model_denoiser(tiny, context, 50)
        x = torch.zeros(1, tiny.latent_channels, 8, 8)
        for timestep in (0, 24, 36, 495, 999):
            denoise(x, tiny.sigmas[timestep])
    finally:
        hook.remove()
    assert told == [19, 19, 39, 499, 999]


@torch.inference_mode()
@pytest.mark.parametrize("cfg_scale", [1.0, 7.0])
def test_the_estimate_without_the_prompt_can_be_asked_for(
    tiny: ModelBundle, cfg_scale: float
) -> None:
    request = small(prompt="a cat", negative_prompt="dog", cfg_scale=cfg_scale)
    encoder = PromptEncoder(tiny)
    texts = plan_texts(first_pass(request), request, encoder, 3, always_uncond=True)
    x = torch.randn(1, tiny.latent_channels, 8, 8)
    denoise = TextDenoiser(tiny, texts, 1, Guidance(cfg_scale))
    assert isinstance(denoise, TwoSidedDenoiser)
    guided, uncond = denoise.with_uncond(x, SIGMA)
    assert torch.equal(denoise(x, SIGMA), guided)

    def alone(text: str) -> Tensor:
        return model_denoiser(tiny, encoder.encode(text))(x, SIGMA)

    assert torch.allclose(uncond, alone("dog"), atol=1e-5)
    wanted = alone("dog") + cfg_scale * (alone("a cat") - alone("dog"))
    assert torch.allclose(guided, wanted, atol=1e-4)


def test_cfgpp_heeds_the_negative_prompt_at_every_scale(tiny: ModelBundle) -> None:
    one = drawn(tiny, small(sampler="DDIM CFG++", cfg_scale=1.0, negative_prompt="dog"))[0]
    other = drawn(tiny, small(sampler="DDIM CFG++", cfg_scale=1.0, negative_prompt=""))[0]
    assert not np.array_equal(one, other)


def test_samplers_with_steps_of_their_own_are_drawn_one_by_one(tiny: ModelBundle) -> None:
    recorder = Recorder()
    generate(tiny, small(sampler="DPM adaptive", batch_size=2), None, recorder)
    assert {indices for indices, _, _ in recorder.steps} == {(0,), (1,)}
    assert sorted(recorder.pictures) == [0, 1]


def test_options_are_those_that_the_sampler_knows(tiny: ModelBundle) -> None:
    churn = {"s_churn": 2.0, "s_tmin": 0.5, "s_noise": 1.01}
    unlimited = {**churn, "s_tmax": math.inf}
    assert options(tiny, sampler="DPM++ 2M", eta=0.5, **churn) == {}
    assert options(tiny, sampler="Euler", eta=0.5, **churn) == unlimited
    assert options(tiny, sampler="Heun", **churn, s_tmax=9.0) == {**unlimited, "s_tmax": 9.0}
    assert options(tiny, sampler="Euler a", eta=0.5, **churn) == {"eta": 0.5, "s_noise": 1.01}
    assert options(tiny, sampler="TCD")["eta"] == 0.3
    assert options(tiny, sampler="DPM fast") == {
        "eta": 1.0,
        "s_noise": 1.0,
        "sigma_min": float(tiny.sigmas[0]),
    }


@pytest.mark.parametrize("name", [n for n, s in BUILTIN.samplers.items() if s.noise == "brownian"])
def test_brownian_samplers_keep_their_picture_with_more_steps(tiny: ModelBundle, name: str) -> None:
    """Against another seed: the path, not the number of steps, makes the picture."""
    request = small(sampler=name, steps=40, schedule="Karras", cfg_scale=1.0)
    pictures = [
        drawn(tiny, request.model_copy(update=change))[0].astype(float)
        for change in ({}, {"steps": 60}, {"seed": 77})
    ]
    more, other = (np.abs(picture - pictures[0]).mean() for picture in pictures[1:])
    assert more < other / 2
