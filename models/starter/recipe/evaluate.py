"""Does the model draw what it is asked for? A fixed list of prompts, figures, and limits.

A painter is anything that turns prompts into pictures: the model, or in tests the renders.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from recipe.captions import Language, plain_caption
from recipe.compose import render
from recipe.draw import Model, draw
from recipe.judge import Judge
from recipe.measures import mean_psnr, mistakes, named, ranked
from recipe.render import Icons
from recipe.scenes import Scene, held_out
from recipe.styles import DEFAULT_STYLE
from recipe.vae import decode, encode

LIST = Path(__file__).with_name("evaluation.json")
GUIDED_SUBJECTS = 48
SEED = 1000
Painter = Callable[[Sequence[str], Sequence[int], float], Tensor]
"""(prompts, seeds, cfg_scale) -> pictures (B, 3, S, S) in [-1, 1] on the CPU."""


@dataclass(frozen=True)
class Limits:
    """The least that is good enough. `judge`: the judge's own top-1 on the renders."""

    judge: float
    top1: float
    top5: float
    agreement: float
    composed: float
    guided: float
    psnr: float


LIMITS: Mapping[str, Limits] = {
    "gpu": Limits(0.9, 0.60, 0.80, 0.50, 0.40, 0.02, 25.0),
    "cpu": Limits(0.9, 0.50, 0.65, 0.40, 0.15, 0.02, 22.0),
    "tiny": Limits(0.9, 0.50, 0.80, 0.50, 0.50, 0.02, 20.0),
}


@dataclass(frozen=True)
class Report:
    """Every share is between 0 and 1, `psnr` in dB, differences in means of [-1, 1] pixels.

    `judge_top1` and `rebuilt_top1` are ceilings: the judge on the renders, and on the renders
    through the VAE. `agreement`: how often the English and the Chinese name of a subject are
    judged to be the same thing. `held_out`: composed prompts that training never saw.
    """

    subjects: int
    judge_top1: float
    rebuilt_top1: float
    psnr: float
    top1: float
    top5: float
    chinese_top1: float
    agreement: float
    composed: float
    held_out: float
    cfg1_top1: float
    cfg7_top1: float
    guided_difference: float
    empty_difference: float
    empty_top1: float

    def failures(self, limits: Limits) -> list[str]:
        """Each limit that is not reached, in words; empty is good."""
        least = (
            ("the judge's top-1 on the renders", self.judge_top1, limits.judge),
            ("top-1", self.top1, limits.top1),
            ("top-5", self.top5, limits.top5),
            ("agreement of English and Chinese", self.agreement, limits.agreement),
            ("composed prompts", self.composed, limits.composed),
            ("difference between CFG 1 and 7", self.guided_difference, limits.guided),
            ("VAE PSNR", self.psnr, limits.psnr),
            ("top-1 at CFG 7, against CFG 1", self.cfg7_top1, self.cfg1_top1),
        )
        found = [f"{what}: {got:.3f}, at least {low:.3f}" for what, got, low in least if got < low]
        if self.empty_difference > 0.01:
            found.append(f"the empty prompt changes with CFG, by {self.empty_difference:.3f}")
        if self.empty_top1 > 0.2:
            found.append(f"the empty prompt draws the subject in {self.empty_top1:.3f}")
        return found


@dataclass(frozen=True)
class Prompts:
    """The fixed list, without what the icons lack."""

    slugs: tuple[str, ...]
    composed: tuple[tuple[Language, Scene], ...]


def read_prompts(icons: Icons, path: Path = LIST) -> Prompts:
    """The fixed list, as far as there are renders to judge it by."""
    data = json.loads(path.read_text(encoding="utf-8"))
    slugs = tuple(slug for slug in data["subjects"] if (slug, DEFAULT_STYLE) in icons.rows)
    composed = []
    for row in data["composed"]:
        scene = scene_from(row)
        if all((slug, scene.style) in icons.rows for slug in scene.items):
            composed.append((row["language"], scene))
    return Prompts(slugs, tuple(composed))


def scene_from(row: Mapping[str, Any]) -> Scene:
    """A scene from its JSON form."""
    return Scene(
        row["kind"],
        row.get("style", DEFAULT_STYLE),
        tuple(row["items"]),
        row.get("count", 1),
        row.get("tint"),
        row.get("background"),
    )


def model_painter(model: Model, steps: int = 20, on_picture: Callable[[int], None] | None = None):  # type: ignore[no-untyped-def] # noqa: ANN201
    """Draws with the model, a few pictures at a time."""
    batch = 256 if model.device.type == "cuda" else 8

    def paint(prompts: Sequence[str], seeds: Sequence[int], cfg_scale: float) -> Tensor:
        done = []
        for start in range(0, len(prompts), batch):
            part = slice(start, start + batch)
            done.append(draw(model, prompts[part], seeds[part], cfg_scale=cfg_scale, steps=steps))
            if on_picture is not None:
                on_picture(len(done[-1]))
        return torch.cat(done)

    return paint


def picture_count(prompts: Prompts) -> int:
    """How many pictures an evaluation draws."""
    return (
        2 * len(prompts.slugs)
        + len(prompts.composed)
        + 4 * min(GUIDED_SUBJECTS, len(prompts.slugs))
    )


@dataclass(frozen=True, eq=False)
class Outcome:
    """The figures, and the pictures of subjects and composed prompts with their prompts."""

    report: Report
    pictures: Tensor
    prompts: list[str]
    wrong: dict[str, list[str]]


def evaluate(
    painter: Painter,
    vae: Any,
    judge: Judge,
    icons: Icons,
    prompts: Prompts,
    *,
    cfg_scale: float = 5.0,
) -> Outcome:
    """Draws everything once, seeds fixed, and measures it."""
    wanted = [list(icons.subjects).index(slug) for slug in prompts.slugs]
    alone = [Scene("single", DEFAULT_STYLE, (slug,)) for slug in prompts.slugs]
    seeds = [SEED + index for index in range(len(alone))]
    english = [plain_caption("en", scene, icons.subjects) for scene in alone]
    chinese = [plain_caption("zh", scene, icons.subjects) for scene in alone]
    drawn = painter(english, seeds, cfg_scale)
    best = ranked(judge, drawn)
    best_chinese = ranked(judge, painter(chinese, seeds, cfg_scale))

    scenes = [scene for _, scene in prompts.composed]
    asked = [plain_caption(language, scene, icons.subjects) for language, scene in prompts.composed]
    composed = painter(asked, [SEED + index for index in range(len(asked))], cfg_scale)
    wrong = {
        text: mistakes(picture, scene, judge, icons)
        for text, picture, scene in zip(asked, composed, scenes, strict=True)
    }
    unseen = [not wrong[t] for t, scene in zip(asked, scenes, strict=True) if held_out(scene)]
    renders = torch.cat([render(icons, alone[i : i + 32]).cpu() for i in range(0, len(alone), 32)])
    rebuilt = _rebuilt(vae, renders)
    report = Report(
        subjects=len(wanted),
        judge_top1=named(ranked(judge, renders), wanted).top1,
        rebuilt_top1=named(ranked(judge, rebuilt), wanted).top1,
        psnr=mean_psnr(rebuilt, renders),
        top1=named(best, wanted).top1,
        top5=named(best, wanted).top5,
        chinese_top1=named(best_chinese, wanted).top1,
        agreement=float((best[:, 0] == best_chinese[:, 0]).float().mean()),
        composed=_share([not mistaken for mistaken in wrong.values()]),
        held_out=_share(unseen),
        **_guidance(painter, judge, english, seeds, wanted),
    )
    return Outcome(report, torch.cat([drawn, composed]), english + asked, wrong)


def _rebuilt(vae: Any, renders: Tensor) -> Tensor:
    device = next(vae.parameters()).device
    parts = [decode(vae, encode(vae, part.to(device))).cpu() for part in renders.split(16)]
    return torch.cat(parts)


def _share(right: Sequence[bool]) -> float:
    return sum(right) / len(right) if right else 0.0


def _guidance(
    painter: Painter, judge: Judge, texts: list[str], seeds: list[int], wanted: list[int]
) -> dict[str, float]:
    """How CFG 1, CFG 7 and the empty prompt differ. Both CFGs are the same for the latter."""
    step = max(len(texts) // GUIDED_SUBJECTS, 1)
    few = slice(0, step * GUIDED_SUBJECTS, step)
    texts, seeds, wanted = texts[few], seeds[few], wanted[few]
    plain, guided = painter(texts, seeds, 1.0), painter(texts, seeds, 7.0)
    nothing = [""] * len(texts)
    empty, empty_guided = painter(nothing, seeds, 1.0), painter(nothing, seeds, 7.0)
    return {
        "cfg1_top1": named(ranked(judge, plain), wanted).top1,
        "cfg7_top1": named(ranked(judge, guided), wanted).top1,
        "guided_difference": float((plain - guided).abs().mean()),
        "empty_difference": float((empty - empty_guided).abs().mean()),
        "empty_top1": named(ranked(judge, empty), wanted).top1,
    }


def as_json(outcome: Outcome, failures: Sequence[str]) -> str:
    """The report as it is kept beside the model."""
    rows = {"report": asdict(outcome.report), "failures": list(failures), "wrong": outcome.wrong}
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
