"""The evaluation: it praises perfect pictures, and fails a model that draws nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from recipe import evaluate as evaluation
from recipe.captions import plain_caption
from recipe.compose import render
from recipe.evaluate import LIMITS, Prompts, evaluate, model_painter, read_prompts
from recipe.judge import Judge, JudgeTask
from recipe.loop import Deadline, Trainer
from recipe.measures import mistakes
from recipe.profiles import Plan
from recipe.render import Icons
from recipe.scenes import Scene, held_out
from recipe.workshop import Workshop, assemble
from torch import Tensor, nn

COMPOSED = (
    Scene("single", "3d", ("cat-face",), background="blue"),
    Scene("single", "3d", ("house",), tint="green"),
    Scene("single", "flat", ("rocket",)),
    Scene("pair", "3d", ("cat-face", "red-apple")),
    Scene("count", "3d", ("red-apple",), 3),
)


class PerfectVae(nn.Module):
    """Latents that are the pictures themselves: reconstruction without loss."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(()))


@pytest.fixture(scope="module")
def judge(icons: Icons, tmp_path_factory: pytest.TempPathFactory) -> Judge:
    torch.manual_seed(0)
    task = JudgeTask(nn.ModuleDict({"judge": Judge(len(icons.subjects), 12)}), icons)
    trainer = Trainer(
        task, Plan(batch=16, peak=3e-3, steps=120, warmup=5, decay_from=0.4), torch.device("cpu")
    )
    trainer.run(tmp_path_factory.mktemp("judge") / "judge.pt", Deadline(None))
    return task.modules["judge"].eval()  # type: ignore[return-value]


@pytest.fixture(scope="module")
def prompts(icons: Icons) -> Prompts:
    return Prompts(tuple(icons.subjects), tuple(("en", scene) for scene in COMPOSED))


def test_renders_pass(
    icons: Icons, judge: Judge, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A painter that shows the renders themselves reaches every limit of a picture."""
    scenes = [Scene("single", "3d", (slug,)) for slug in prompts.slugs]
    scenes += [scene for _, scene in prompts.composed]
    known = {
        plain_caption(language, scene, icons.subjects): scene
        for scene in scenes
        for language in ("en", "zh")
    }

    def paint(texts: Sequence[str], seeds: Sequence[int], cfg_scale: float) -> Tensor:
        blank = torch.ones(1, 3, icons.size, icons.size)
        shown = [render(icons, [known[t]]) if t else blank for t in texts]
        return torch.cat(shown) * (1.0 if cfg_scale > 1 or not texts[0] else 0.9)

    monkeypatch.setattr(evaluation, "encode", lambda _, pictures: pictures)
    monkeypatch.setattr(evaluation, "decode", lambda _, latents: latents)
    outcome = evaluate(paint, PerfectVae(), judge, icons, prompts)
    assert outcome.report.failures(LIMITS["tiny"]) == []
    assert outcome.report.top1 == outcome.report.agreement == 1
    assert outcome.report.held_out == 1
    assert len(outcome.pictures) == len(outcome.prompts) == len(icons.subjects) + len(COMPOSED)


def test_a_model_that_has_learned_nothing_fails(
    trained: Workshop, icons: Icons, judge: Judge, prompts: Prompts
) -> None:
    model = assemble(trained)
    outcome = evaluate(model_painter(model, steps=2), model.vae, judge, icons, prompts)
    failures = " ".join(outcome.report.failures(LIMITS["gpu"]))
    assert "top-1:" in failures
    assert "VAE PSNR" in failures
    assert "composed" in failures


def test_mistakes_name_what_is_missing(icons: Icons, judge: Judge) -> None:
    asked = Scene("single", "3d", ("cat-face",), background="blue")
    (white,) = render(icons, [Scene("single", "3d", ("cat-face",))])
    assert mistakes(white, asked, judge, icons) == ["background"]
    (green,) = render(icons, [Scene("single", "3d", ("house",), tint="green")])
    assert mistakes(green, Scene("single", "3d", ("house",), tint="red"), judge, icons) == ["tint"]


def test_the_list_is_long_enough_and_asks_for_the_unseen() -> None:
    import json

    data = json.loads(evaluation.LIST.read_text(encoding="utf-8"))
    scenes = [evaluation.scene_from(row) for row in data["composed"]]
    assert len(set(data["subjects"])) == len(data["subjects"]) >= 200
    assert len(set(scenes)) == len(scenes) >= 60
    assert sum(held_out(scene) for scene in scenes) >= 10
    assert {row["language"] for row in data["composed"]} == {"en", "zh"}
    assert {scene.kind for scene in scenes} == {"single", "pair", "count", "wear"}
    assert {scene.style for scene in scenes} == {"3d", "flat", "cartoon", "line", "pixel"}


def test_prompts_without_renders_are_left_out(icons: Icons) -> None:
    found = read_prompts(icons)
    assert set(found.slugs) == set(icons.subjects)
    assert all(set(scene.items) <= set(icons.subjects) for _, scene in found.composed)
