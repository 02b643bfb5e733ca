"""What the model is told, call by call: prompts that change with the step, and joined by AND."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from webui.core.prompt import Schedule, read_negative, read_prompt
from webui.core.request import GenerationRequest
from webui.engine.bundle import ModelBundle
from webui.engine.denoiser import model_denoiser
from webui.engine.encoding import Encoding, even_out, stretched
from webui.engine.guidance import Guidance, unguided
from webui.engine.passes import Pass
from webui.engine.samplers import Denoiser
from webui.engine.sizes import sizes_and_sums
from webui.engine.text_encoder import PromptEncoder

PROMPTS_PER_CALL = 4
"""More are split into several calls, so that memory does not grow with the number of ANDs."""

REMEMBERED_TOKENS = 64 * 77
"""Contexts whose keys and values are kept beside those in use, for prompts that take turns."""

Key = tuple[tuple[str, ...], int, bool, bool]
"""Prompts of a call, their length in tokens, and whether the first is the negative one, and blind.
"""


@dataclass(frozen=True, eq=False)
class Question:
    """What the model is asked once in a step: a text, and whether it is the negative one.

    blind: asked without the picture that the model is shown beside the latents.
    """

    text: str
    encoding: Encoding
    negative: bool
    blind: bool = False


@dataclass(frozen=True)
class Stage:
    """Up to model call `last`, counted from 1, the model is told these prompts.

    With guidance the negative prompt is the first. Each is the text of an encoding.
    """

    last: int
    prompts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Texts:
    """All that the model is told in the course of a picture.

    weights: one per part of the prompt. guided: whether stages begin with a negative prompt.
    padded: whether all of a stage are brought to one length. encodings: per text, for all stages,
    and that of the empty text where it is needed. size: width and height of the picture.
    """

    stages: tuple[Stage, ...]
    weights: tuple[float, ...]
    guided: bool
    padded: bool
    encodings: Mapping[str, Encoding]
    size: tuple[int, int]

    def told(self, stage: Stage) -> tuple[Encoding, ...]:
        """One for each prompt of a stage, with rows of one length if they are padded.

        The parts that AND joins are always brought to one length, by their own last row, so that
        such prompts give the pictures that users know.
        """
        told = [self.encodings[text] for text in stage.prompts]
        if self.guided and not stage.prompts[0] and told[0].pooled is not None:
            # As the families with pooled vectors were trained, and as users know them.
            told[0] = told[0].zeroed()
        if self.padded:
            empty = self.encodings.get("")
            rows = even_out([one.rows for one in told], empty.rows if empty else None)
            told = [replace(one, rows=row) for one, row in zip(told, rows, strict=True)]
        parts = told[int(self.guided) :]
        longest = max((one.rows.shape[1] for one in parts), default=0)
        told[int(self.guided) :] = [
            replace(one, rows=stretched(one.rows, longest)) for one in parts
        ]
        return tuple(told)


def plan_texts(
    this: Pass,
    request: GenerationRequest,
    encoder: PromptEncoder,
    calls: int,
    *,
    always_uncond: bool = False,
    scale: float | None = None,
) -> Texts:
    """Reads both prompts of a pass for `calls` calls of the model, and encodes all that they say.

    Parts of weight 0 are left out. Where the weights leave nothing for the negative prompt, as
    those of a plain prompt at cfg_scale 1 do, so is that, unless `always_uncond`. scale: of the
    guidance between them, the pass's cfg_scale unless given.
    """
    timeline: Any = {"base_steps": this.base_steps, "old_timelines": request.old_timelines}
    parts = [part for part in read_prompt(this.prompt, calls, **timeline) if part.weight]
    weights = tuple(part.weight for part in parts)
    scale = this.cfg_scale if scale is None else scale
    guided = always_uncond or scale != 1 or sum(weights) != 1
    schedules = [part.schedule for part in parts]
    if guided:
        schedules.insert(0, read_negative(this.negative_prompt, calls, **timeline))
    stages = merge_schedules(schedules)
    texts = dict.fromkeys(text for stage in stages for text in stage.prompts)
    encodings = encoder.encode_all(texts, request.clip_skip, request.emphasis)
    padded = request.pad_conds
    if padded and len({encoding.rows.shape[1] for encoding in encodings.values()}) > 1:
        encodings |= encoder.encode_all([""], request.clip_skip, request.emphasis)
    return Texts(stages, weights, guided, padded, encodings, (this.width, this.height))


def merge_schedules(schedules: Sequence[Schedule]) -> tuple[Stage, ...]:
    """Schedules that run side by side as one: a stage ends where any of them changes its text."""
    places = [0] * len(schedules)
    stages: list[Stage] = []
    for last in sorted({last for schedule in schedules for last, _ in schedule}):
        prompts = tuple(
            schedule[place][1] for schedule, place in zip(schedules, places, strict=True)
        )
        if stages and stages[-1].prompts == prompts:
            stages.pop()
        stages.append(Stage(last, prompts))
        for index, schedule in enumerate(schedules):
            if schedule[places[index]][0] <= last:
                places[index] = min(places[index] + 1, len(schedule) - 1)
    return tuple(stages)


class TextDenoiser:
    """The model told the right prompts in each of its calls, combined into one estimate.

    Made anew for each batch: it counts the calls, from `done` on. Calls after the last stage
    stay with it. beside: see `model_denoiser`; where the guidance asks for it, the negative
    prompt is asked about a second time without.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        texts: Texts,
        pictures: int,
        guidance: Guidance,
        distilled: int | None = None,
        *,
        done: int = 0,
        beside: Tensor | None = None,
    ) -> None:
        self._bundle = bundle
        self._texts = texts
        self._pictures = pictures
        self._guidance = guidance
        self._distilled = distilled
        self._beside = beside
        self._blind = texts.guided and beside is not None and guidance.image_scale != 1
        self._calls = done
        self._place = 0
        self._models: OrderedDict[Key, tuple[Denoiser, int]] = OrderedDict()

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x: (B, C, h, w), B being `pictures`; returns the estimate of x0."""
        return self.with_uncond(x, sigma)[0]

    def with_uncond(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """(the estimate of x0, that of the negative prompt alone), the same where there is none."""
        stage = self._next_stage()
        guided, weights = self._texts.guided, self._texts.weights
        if not guided:
            denoised = self._guidance.guide(None, self._estimates(stage, x, sigma), weights)
            return denoised, denoised
        if weights and self._guidance.skipped(self._calls - 1, float(sigma)):
            alone = self._estimates(stage, x, sigma, first=2 if self._blind else 1)
            denoised = unguided(alone, weights)
            return denoised, denoised
        estimates = self._estimates(stage, x, sigma)
        blind = estimates.pop(0) if self._blind else None
        uncond, *conds = estimates
        return self._guidance.guide(uncond, conds, weights, blind), uncond

    def _next_stage(self) -> Stage:
        self._calls += 1
        stages = self._texts.stages
        while self._calls > stages[self._place].last and self._place < len(stages) - 1:
            self._place += 1
        return stages[self._place]

    def _questions(self, stage: Stage) -> list[Question]:
        """The prompts of the stage in their order; before them, if asked for, the blind one."""
        asked = [
            Question(text, told, negative=self._texts.guided and index == 0)
            for index, (text, told) in enumerate(
                zip(stage.prompts, self._texts.told(stage), strict=True)
            )
        ]
        return [replace(asked[0], blind=True), *asked] if self._blind else asked

    def _estimates(self, stage: Stage, x: Tensor, sigma: Tensor, first: int = 0) -> list[Tensor]:
        """x0 under each question of the stage from number `first` on, (B, C, h, w) each."""
        asked = self._questions(stage)
        estimates: dict[int, Tensor] = {}
        for group in calls_of([one.encoding.rows.shape[1] for one in asked], first):
            model = self._model([asked[index] for index in group])
            count = len(group)
            made = model(torch.cat([x] * count) if count > 1 else x, sigma).chunk(count)
            estimates.update(zip(group, made, strict=True))
        return [estimates[index] for index in range(first, len(asked))]

    def _model(self, asked: Sequence[Question]) -> Denoiser:
        """The model asked these of the stage; kept, as it remembers keys and values."""
        told = [one.encoding for one in asked]
        negative = [one.negative for one in asked]
        texts = tuple(one.text for one in asked)
        key = (texts, told[0].rows.shape[1], negative[0], asked[0].blind)
        if key not in self._models:
            context = torch.cat([one.rows for one in told])
            added = sizes_and_sums(self._bundle, told, negative, self._texts.size)
            tokens = len(context) * context.shape[1] * self._pictures
            self._make_room(tokens)
            self._models[key] = (
                model_denoiser(
                    self._bundle,
                    context.repeat_interleave(self._pictures, dim=0),
                    self._distilled,
                    added={
                        name: value.repeat_interleave(self._pictures, dim=0)
                        for name, value in added.items()
                    },
                    beside=self._shown(asked),
                    scale_told=self._guidance.told,
                ),
                tokens,
            )
        self._models.move_to_end(key)
        return self._models[key][0]

    def _shown(self, asked: Sequence[Question]) -> Tensor | None:
        """What the model is shown beside each latent of a call, for all alike or one by one."""
        alike = self._beside is None or len(self._beside) == 1
        if self._beside is None or (alike and not any(one.blind for one in asked)):
            return self._beside
        each = self._beside.expand(self._pictures, -1, -1, -1)
        nothing = torch.zeros_like(each)
        return torch.cat([nothing if one.blind else each for one in asked])

    def _make_room(self, tokens: int) -> None:
        held = sum(size for _, size in self._models.values())
        while self._models and held + tokens > REMEMBERED_TOKENS:
            _, (_, size) = self._models.popitem(last=False)
            held -= size


def calls_of(lengths: Sequence[int], first: int = 0) -> list[list[int]]:
    """Which prompts go to the model together: those of one length, a few at a time.

    lengths: tokens of each prompt; those before number `first` are left out.
    """
    alike: dict[int, list[int]] = {}
    for index, length in enumerate(lengths[first:], first):
        alike.setdefault(length, []).append(index)
    return [
        group[start : start + PROMPTS_PER_CALL]
        for group in alike.values()
        for start in range(0, len(group), PROMPTS_PER_CALL)
    ]
