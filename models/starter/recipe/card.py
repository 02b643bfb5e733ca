"""The model card: what the model draws, how well, from what, and what it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recipe.captions import Language
from recipe.draw import Model
from recipe.evaluate import Outcome
from recipe.render import Icons
from recipe.sources import attribution
from recipe.styles import STYLES

ROWS = (
    ("top1", "subjects named first by an independent encoder", "share"),
    ("top5", "among its first five", "share"),
    ("chinese_top1", "the same from Chinese names", "share"),
    ("agreement", "English and Chinese name judged alike", "share"),
    ("composed", "composed prompts right in every part", "share"),
    ("held_out", "of them, combinations that training never saw", "share"),
    ("cfg1_top1", "subjects named first at CFG 1", "share"),
    ("cfg7_top1", "subjects named first at CFG 7", "share"),
    ("judge_top1", "ceiling: the encoder on the renders", "share"),
    ("rebuilt_top1", "ceiling: on renders through the VAE", "share"),
    ("psnr", "VAE on renders", "dB"),
)


SHEET, COLUMNS = "evaluation.jpg", 18
"""The pictures of the evaluation, beside the card."""


def write_card(
    outcome: Outcome, failures: Sequence[str], model: Model, icons: Icons, path: Path
) -> None:
    """Writes Markdown."""
    size = f"{model.size}×{model.size}"
    report = outcome.report
    parameters = sum(
        p.numel() for part in (model.unet, model.vae, model.text_encoder) for p in part.parameters()
    )
    lines = [
        "# The starter model",
        "",
        f"A small Stable Diffusion, trained from nothing on renders of emoji: {size} pixels, "
        f"{parameters / 1e6:.1f} million weights, v prediction, SD1's betas. It was taught "
        f"{len(icons.subjects)} subjects by their English and Chinese names. For pictures of "
        "anything else, put a real checkpoint beside it.",
        "",
        f"![Every prompt of the evaluation, drawn once]({SHEET})",
        "",
        f"## Figures ({report.subjects} subjects, {len(outcome.wrong)} composed prompts)",
        "",
        "| measure | value |",
        "|---|---|",
    ]
    lines += [f"| {words} | {_value(getattr(report, key), unit)} |" for key, words, unit in ROWS]
    lines += ["", *_verdict(failures), "", *_composed(outcome), "", *_styles(icons)]
    lines += ["", *_sheet(outcome)]
    lines += ["", "## Subjects", "", _names("en", icons) + ".", "", _names("zh", icons) + "。"]
    lines += ["", attribution().replace("# Where", "## Where", 1)]
    path.write_text("\n".join(lines), encoding="utf-8")


def _value(value: float, unit: str) -> str:
    return f"{value:.1%}" if unit == "share" else f"{value:.1f} {unit}"


def _verdict(failures: Sequence[str]) -> list[str]:
    if not failures:
        return ["Every limit of the evaluation is met."]
    return ["Limits of the evaluation that are not met:", "", *(f"* {text}" for text in failures)]


def _composed(outcome: Outcome) -> list[str]:
    lines = ["## Composed prompts", "", "| prompt | what the picture lacks |", "|---|---|"]
    return lines + [f"| {text} | {', '.join(lacks)} |" for text, lacks in outcome.wrong.items()]


def _styles(icons: Icons) -> list[str]:
    known = {style for _, style in icons.rows}
    lines = ["## Style words", ""]
    return lines + [
        f"* {name}: {', '.join(style.en + style.zh)}"
        for name, style in STYLES.items()
        if name in known
    ]


def _sheet(outcome: Outcome) -> list[str]:
    """The prompts of the sheet, a line a row."""
    lines = [
        "## The sheet",
        "",
        "One picture a prompt, none chosen: DPM++ 2M Karras, 20 steps, CFG 5, seeds that follow "
        "each other. Its rows, from the top:",
        "",
    ]
    rows = [outcome.prompts[i : i + COLUMNS] for i in range(0, len(outcome.prompts), COLUMNS)]
    return lines + [f"{index}. {' · '.join(row)}" for index, row in enumerate(rows, 1)]


def _names(language: Language, icons: Icons) -> str:
    joint = ", " if language == "en" else "、"
    named = [getattr(subject, language)[0] for subject in icons.subjects.values()]
    return joint.join(named)
