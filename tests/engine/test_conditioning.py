"""Prompts that change with the step and prompts joined by AND, against pictures made by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.engine.test_pipeline import drawn, small
from webui.core.catalogue import BUILTIN
from webui.core.request import GenerationRequest
from webui.engine.bundle import ModelBundle
from webui.engine.conditioning import (
    PROMPTS_PER_CALL,
    REMEMBERED_TOKENS,
    Stage,
    TextDenoiser,
    Texts,
    merge_schedules,
    plan_texts,
)
from webui.engine.denoiser import model_denoiser
from webui.engine.guidance import Guidance
from webui.engine.pipeline import sample_batch
from webui.engine.plan import first_pass, make_plan
from webui.engine.text_encoder import PromptEncoder

SIGMA = torch.tensor(3.0, dtype=torch.float64)


@pytest.fixture(autouse=True)
def _inference():
    with torch.inference_mode():
        yield


def latents(bundle: ModelBundle, request: GenerationRequest) -> Tensor:
    return sample_batch(make_plan(bundle, request, PromptEncoder(bundle)), request, (0,))


def texts_of(request: GenerationRequest, encoder: PromptEncoder, calls: int) -> Texts:
    return plan_texts(first_pass(request), request, encoder, calls)


def told(
    bundle: ModelBundle, request: GenerationRequest, calls: int, x: Tensor
) -> Callable[[], Tensor]:
    """The estimates for the same x, call by call."""
    texts = texts_of(request, PromptEncoder(bundle), calls)
    denoise = TextDenoiser(bundle, texts, len(x), Guidance(request.cfg_scale))
    return lambda: denoise(x, SIGMA)


def by_hand(bundle: ModelBundle, x: Tensor, cfg_scale: float, *prompts: tuple[str, float]):
    """The formula of AND with one call of the model per prompt.

    Short prompts are as long as the longest: their last row is said again.
    """
    encoder = PromptEncoder(bundle)
    parts = [encoder.encode(text) for text, _ in prompts]
    longest = max(part.shape[1] for part in parts)
    again = [longest - part.shape[1] for part in parts]
    rows = [encoder.encode("")]
    rows += [torch.cat([p, *[p[:, -1:]] * n], 1) for p, n in zip(parts, again, strict=True)]
    uncond, *conds = (model_denoiser(bundle, row.repeat(len(x), 1, 1))(x, SIGMA) for row in rows)
    total = uncond.clone()
    for cond, (_, weight) in zip(conds, prompts, strict=True):
        total += weight * cfg_scale * (cond - uncond)
    return total


@pytest.mark.parametrize("cfg_scale", [1.0, 7.0])
@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M"])
def test_an_edited_prompt_is_switched_at_its_step(
    tiny: ModelBundle, sampler: str, cfg_scale: float
) -> None:
    """The same latents as from a denoiser that is exchanged by hand after two of four steps."""
    request = small(prompt="a [cat:dog:0.5]", steps=4, sampler=sampler, cfg_scale=cfg_scale)
    encoder = PromptEncoder(tiny)
    texts = [
        texts_of(request.model_copy(update={"prompt": prompt}), encoder, 4)
        for prompt in ("a cat", "a dog")
    ]
    edited = texts_of(request, encoder, 4)
    assert [(stage.last, stage.prompts[-1]) for stage in edited.stages] == [
        (2, "a cat"),
        (4, "a dog"),
    ]
    for seed_latents in (torch.randn(1, 4, 8, 8), torch.randn(2, 4, 8, 8)):
        models = [
            TextDenoiser(tiny, text, len(seed_latents), Guidance(cfg_scale)) for text in texts
        ]
        whole = TextDenoiser(tiny, edited, len(seed_latents), Guidance(cfg_scale))
        for model in (models[0], models[0], models[1], models[1], models[1]):
            assert torch.equal(whole(seed_latents, SIGMA), model(seed_latents, SIGMA))
    both = latents(tiny, request)
    for prompt in ("a cat", "a dog"):
        assert not torch.equal(both, latents(tiny, request.model_copy(update={"prompt": prompt})))


@pytest.mark.parametrize(
    ("prompt", "plain"),
    [
        ("[cat:dog:0]", "dog"),
        ("[cat:dog:1.0]", "cat"),
        ("[cat:dog:1e309]", "cat"),
        ("cat AND dog :0", "cat"),
        ("cat:0 AND dog", "dog"),
        ("cat AND cat:0", "cat"),
        ("cat:0.5 AND cat :0.5", "cat"),
        ("cat # dog AND dog", "cat"),
        ("ca<lora:x:1>t", "cat"),
        ("cat AND cat [|", "cat AND cat [|"),
    ],
)
@pytest.mark.parametrize("cfg_scale", [1.0, 7.0])
def test_what_comes_to_a_plain_prompt_is_its_picture_exactly(
    tiny: ModelBundle, prompt: str, plain: str, cfg_scale: float
) -> None:
    wanted = latents(tiny, small(prompt=plain, cfg_scale=cfg_scale))
    assert torch.equal(latents(tiny, small(prompt=prompt, cfg_scale=cfg_scale)), wanted)


def test_a_plain_prompt_is_one_stage_with_one_call_of_the_model(tiny: ModelBundle) -> None:
    encoder = PromptEncoder(tiny)
    texts = texts_of(small(negative_prompt="dog"), encoder, 20)
    assert texts.stages == (Stage(20, ("dog", "a cat")),)
    assert texts.weights == (1.0,)
    assert "" not in texts.encodings
    alone = texts_of(small(negative_prompt="dog", cfg_scale=1.0), encoder, 20)
    assert alone.stages == (Stage(20, ("a cat",)),)


def test_alternation_takes_turns_by_call(tiny: ModelBundle) -> None:
    x = torch.randn(1, 4, 8, 8)
    turns = told(tiny, small(prompt="[cat|dog|]"), 6, x)
    wanted = [told(tiny, small(prompt=prompt), 6, x)() for prompt in ("cat", "dog", "")]
    for call in range(6):
        assert torch.equal(turns(), wanted[call % 3])
    assert torch.equal(turns(), wanted[2])


def test_the_negative_prompt_has_a_schedule_of_its_own(tiny: ModelBundle) -> None:
    x = torch.randn(1, 4, 8, 8)
    both = told(tiny, small(prompt="[cat:dog:2]", negative_prompt="[dog:cat AND dog:1]"), 3, x)
    for prompt, negative in (("cat", "dog"), ("cat", "cat and dog"), ("dog", "cat and dog")):
        alone = told(tiny, small(prompt=prompt, negative_prompt=negative), 3, x)
        assert torch.equal(both(), alone())


@pytest.mark.parametrize("parts", [2, 3, PROMPTS_PER_CALL, 2 * PROMPTS_PER_CALL + 1])
def test_and_is_the_weighted_sum_of_directions(tiny: ModelBundle, parts: int) -> None:
    x = torch.randn(2, 4, 8, 8)
    prompts = [("cat " * (index + 1), 0.7 - 0.2 * index) for index in range(parts)]
    prompts[0] = ("cat " * 80, 0.6)
    prompt = "AND ".join(f"{text}:{weight:.1f} " for text, weight in prompts)
    got = told(tiny, small(prompt=prompt, cfg_scale=3.0), 1, x)()
    assert torch.allclose(got, by_hand(tiny, x, 3.0, *prompts), atol=1e-4)


def test_and_at_cfg_scale_one_needs_no_negative_prompt_where_weights_sum_to_one(
    tiny: ModelBundle,
) -> None:
    x = torch.randn(1, 4, 8, 8)
    halves = small(prompt="cat:0.5 AND dog:0.5", cfg_scale=1.0)
    assert not texts_of(halves, PromptEncoder(tiny), 1).guided
    wanted = by_hand(tiny, x, 1.0, ("cat", 0.5), ("dog", 0.5))
    assert torch.allclose(told(tiny, halves, 1, x)(), wanted, atol=1e-5)
    wholes = told(tiny, small(prompt="cat AND dog", cfg_scale=1.0), 1, x)()
    assert torch.allclose(wholes, by_hand(tiny, x, 1.0, ("cat", 1), ("dog", 1)), atol=1e-5)


def test_a_weight_scales_the_guidance_of_a_single_prompt(tiny: ModelBundle) -> None:
    strong = latents(tiny, small(prompt="cat", cfg_scale=7.0))
    half = latents(tiny, small(prompt="cat:0.5", cfg_scale=14.0))
    assert torch.equal(half, strong)
    none = latents(tiny, small(prompt="cat:0", negative_prompt="dog"))
    assert torch.equal(none, latents(tiny, small(prompt="dog", cfg_scale=1.0)))


@pytest.mark.parametrize(
    "prompt",
    ["[cat:dog:0.5]", "[cat|dog]", "cat AND dog :-0.5", "[cat:dog:2] AND [dog|cat cat] :0.3"],
)
@pytest.mark.parametrize("sampler", ["Euler a", "DDIM"])
def test_a_batch_is_its_single_pictures(tiny: ModelBundle, prompt: str, sampler: str) -> None:
    request = small(prompt=prompt, negative_prompt="[dog|]", sampler=sampler, steps=4)
    batch = drawn(tiny, request.model_copy(update={"batch_size": 3}))
    singles = drawn(tiny, request.model_copy(update={"batch_count": 3}))
    assert all(np.array_equal(batch[index], singles[index]) for index in range(3))
    assert not np.array_equal(batch[0], batch[1])
    rest = drawn(tiny, request.model_copy(update={"batch_size": 3}), (0, 2))
    assert all(np.array_equal(rest[index], batch[index]) for index in (0, 2))


def test_keys_and_values_of_turns_are_kept_within_bounds(tiny: ModelBundle) -> None:
    calls: list[int] = []
    layer = next(m for n, m in tiny.unet.named_modules() if n.endswith("attn2.to_k"))
    hook = layer.register_forward_hook(lambda _, args, __: calls.append(args[0].shape[1]))
    try:
        x = torch.randn(1, 4, 8, 8)
        turns = told(tiny, small(prompt="[cat|dog]"), 10, x)
        for _ in range(10):
            turns()
        assert len(calls) == 2
        calls.clear()
        long = "cat " * (75 * (REMEMBERED_TOKENS // 77 // 4 + 1))
        turns = told(tiny, small(prompt=f"[cat|dog] {long}", pad_conds=True), 4, x)
        for _ in range(4):
            turns()
        assert len(calls) == 4
    finally:
        hook.remove()


def test_each_text_is_encoded_once(tiny: ModelBundle) -> None:
    calls: list[int] = []
    hook = tiny.texts[0].encoder.register_forward_hook(lambda *_: calls.append(1))
    try:
        drawn(tiny, small(prompt="[cat|dog] AND [cat:dog:2]", steps=5, batch_count=2))
    finally:
        hook.remove()
    assert len(calls) == 3  # cat, dog and the empty negative prompt


def test_hundreds_of_parts_make_a_picture(tiny: ModelBundle) -> None:
    prompt = " AND ".join(f"cat {index} :0.01" for index in range(500))
    assert drawn(tiny, small(prompt=prompt, steps=1))[0].shape == (64, 64, 3)


@pytest.mark.parametrize("sampler", BUILTIN.samplers)
def test_schedules_run_as_long_as_the_sampler_calls(tiny: ModelBundle, sampler: str) -> None:
    request = small(prompt="[cat:dog:0.5]", sampler=sampler, steps=6)
    calls = 6 * BUILTIN.samplers[sampler].calls
    stages = make_plan(tiny, request, PromptEncoder(tiny)).texts.stages
    assert [stage.last for stage in stages] == [calls // 2, calls]


def test_schedules_are_merged_where_texts_change() -> None:
    merged = merge_schedules([((2, "a"), (4, "b"), (9, "b")), ((3, "x"), (9, "y")), ((9, "z"),)])
    assert merged == (
        Stage(2, ("a", "x", "z")),
        Stage(3, ("b", "x", "z")),
        Stage(9, ("b", "y", "z")),
    )
