"""`merge`: makes a model of two or three, or stores one otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional, cast

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from webui.commands.folders import Language, ModelFolders, ModelsDir, library_of
from webui.commands.speech import Speech, reporting
from webui.core.errors import InkstoneError, InvalidRequest, Message
from webui.core.merging import Averages, MergeOrder, Method, Precision, good_name
from webui.services.merging import MergeProcess, job_of

app = typer.Typer(add_completion=False)

METHODS: dict[int, Method] = {1: "none", 2: "weighted_sum", 3: "add_difference"}
"""By the number of models."""


@app.command(help="cli.merge")
def merge(
    models: Annotated[list[str], typer.Argument(help="cli.merge.models", metavar="A [B [C]]")],
    output: Annotated[str, typer.Option("--output", "-o", help="cli.merge.output")],
    multiplier: Annotated[
        float, typer.Option("--multiplier", "-m", min=0, max=1, help="cli.merge.multiplier")
    ] = 0.3,
    blocks: Annotated[str, typer.Option(help="cli.merge.blocks", show_default=False)] = "",
    base_alpha: Annotated[
        Optional[float],  # noqa: UP045 - typer reads it on Python 3.10
        typer.Option(help="cli.merge.base_alpha", min=-1, max=2, show_default=False),
    ] = None,
    vae: Annotated[str, typer.Option(help="cli.merge.vae", show_default=False)] = "",
    precision: Annotated[
        str, typer.Option(help="cli.merge.precision", metavar="keep|fp16|bf16|fp32")
    ] = "fp16",
    averages: Annotated[
        str, typer.Option("--ema", help="cli.merge.averages", metavar="keep|drop|use")
    ] = "keep",
    recipe: Annotated[bool, typer.Option(help="cli.merge.recipe")] = True,
    copy_metadata: Annotated[bool, typer.Option(help="cli.merge.copy_metadata")] = True,
    models_dir: ModelsDir = None,
    model_folder: ModelFolders = None,
    lang: Language = "",
) -> None:
    """Merges by names of the library or by paths."""
    say = Speech(lang)
    with reporting(lang):
        if len(models) not in METHODS:
            raise InvalidRequest(Message("error.merge_count", {"got": len(models)}))
        primary, secondary, tertiary = [*models, "", ""][:3]
        target = None if good_name(output) else Path(output).expanduser().absolute()
        try:
            order = MergeOrder(
                name=target.name if target else output,
                primary=primary,
                secondary=secondary,
                tertiary=tertiary,
                method=METHODS[len(models)],
                multiplier=multiplier,
                blocks=blocks,
                base_alpha=base_alpha,
                vae=vae,
                precision=cast("Precision", precision),
                averages=cast("Averages", averages),
                recipe=recipe,
                copy_metadata=copy_metadata,
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(map(str, first["loc"]))
            raise InkstoneError("error.settings", name=name, reason=first["msg"]) from error
        library = library_of(models_dir, model_folder)
        paths = {name: Path(name) for name in {*models, vae} if name and Path(name).exists()}
        job = job_of(order, library, paths=paths, target=target)
        notes = _run(MergeProcess(job))
        for note in notes:
            typer.echo(say.message(note))
        typer.echo(say("cli.convert.written", path=job.target))


def _run(process: MergeProcess) -> list[Message]:
    columns = (TextColumn("{task.percentage:>3.0f} %"), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        try:
            return process.run(lambda done, total: bar.update(task, completed=done, total=total))
        finally:
            process.cancel()
