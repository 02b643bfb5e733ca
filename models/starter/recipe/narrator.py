"""What a run shows and leaves behind while it works: progress, loss curves, sheets, pieces."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from recipe.draw import Model, draw
from recipe.export import split, write_model
from recipe.loop import Trainer
from recipe.sheets import write_curve, write_sheet
from recipe.workshop import Workshop, assemble

LINE_SECONDS = 30.0
SHEET_PROMPTS = (
    "a cat",
    "狗",
    "a red apple",
    "一朵向日葵",
    "a house",
    "a rocket",
    "a car",
    "企鹅",
    "pixel art lion",
    "一只卡通风格的猫",
    "a flat fox",
    "line art owl",
    "a cat on a blue background",
    "红色背景上的熊猫",
    "a blue elephant",
    "绿色的猫",
    "a cat and a dog",
    "苹果和香蕉",
    "a cat and a red apple",
    "three penguins",
    "两只猫",
    "a dog wearing a hat",
    "一只戴墨镜的熊猫",
    "a koala wearing a crown",
)


class Narrator:
    """Shows progress on the console, and fills `out` with what has been reached."""

    def __init__(self, out: Path, console: Console) -> None:
        self._out, self._console = out, console
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._bars: dict[str, int] = {}
        self._said = self._drawn = time.monotonic()

    def __enter__(self) -> Narrator:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """A line."""
        self._console.print(text, highlight=False)

    def bar(self, name: str, done: float, text: str = "") -> None:
        """Moves a bar to a share of its length; where there is no terminal, says so at times."""
        if not self._console.is_terminal and time.monotonic() - self._said > LINE_SECONDS:
            self.say(f"{name} {done:.0%} {text}".rstrip())
            self._said = time.monotonic()
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=1.0)
        self._progress.update(
            self._bars[name],  # type: ignore[arg-type]
            completed=done,
            description=f"{name} {text}".strip(),
        )

    def watch(self, stage: str, trainer: Trainer, loss: float) -> None:
        """After every few steps."""
        record = trainer.record
        rate = record.step * trainer.plan.batch / max(record.seconds, 1e-6)
        text = f"loss {loss:.4f}, step {record.step}, {rate:.0f}/s"
        self.bar(stage, trainer.progress, text)

    def checkpointed(self, shop: Workshop, trainer: Trainer) -> None:
        """After every checkpoint: the curve, and of the UNet sometimes a sheet and the model."""
        name = trainer.task.name
        write_curve(trainer.record.losses, self._out / "loss.png", name)
        if name != "unet" or trainer.averages is None:
            return
        if time.monotonic() - self._drawn < 60 * shop.profile.sheet_minutes:
            return
        self._drawn = time.monotonic()
        model = assemble(shop, trainer.averages)
        self.sheet(model)
        self.model(model, shop.folder / "model", pieces=True)

    def sheet(self, model: Model, name: str = "sheet.png") -> None:
        """Draws the fixed prompts, a few at a time."""
        batch = 24 if model.device.type == "cuda" else 4
        pictures = []
        for start in range(0, len(SHEET_PROMPTS), batch):
            prompts = SHEET_PROMPTS[start : start + batch]
            pictures += list(draw(model, prompts, [42] * len(prompts)))
        write_sheet(pictures, self._out / name, columns=8)

    def model(self, model: Model, folder: Path, *, pieces: bool) -> None:
        """Exports the model; `pieces` also leaves it in `out`, in files of at most 15 MiB."""
        shutil.rmtree(folder, ignore_errors=True)
        write_model(model, folder)
        if pieces:
            split(folder, self._out)
