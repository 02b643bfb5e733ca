"""`bench`: speed and memory, as a table and as JSON. `docs/benchmarks.md` holds figures."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from webui.commands.browsers import installed_chromium
from webui.commands.folders import Language, ModelFolders, ModelsDir
from webui.commands.given import settings
from webui.commands.speech import Speech, reporting
from webui.core.errors import InvalidRequest, Message
from webui.services.models import ModelEntry, ModelLibrary

app = typer.Typer(add_completion=False)


@app.command(help="cli.bench")
def bench(
    part: Annotated[
        Literal["all", "engine", "product", "models", "samplers"],
        typer.Argument(help="cli.bench.part"),
    ] = "all",
    checkpoint: Annotated[str, typer.Option(help="cli.bench.checkpoint", show_default=False)] = "",
    runs: Annotated[int, typer.Option(min=1, help="cli.bench.runs")] = 7,
    models_dir: ModelsDir = None,
    model_folder: ModelFolders = None,
    plot_file: Annotated[
        Path | None, typer.Option("--plot", help="cli.bench.plot", show_default=False)
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="cli.bench.file", show_default=False)
    ] = None,
    lang: Language = "",
) -> None:
    """Measures, prints, and writes the file if one is named."""
    say = Speech(lang)
    console = Console(highlight=False)
    figures: dict[str, Any] = {"machine": machine()}
    with reporting(lang):
        chosen = settings(models_dir=models_dir, model_folders=model_folder or None)
        library = ModelLibrary(chosen.models_dir, chosen.model_folders)
        # Late, each: the product's part needs playwright, the others torch.
        if part in ("all", "product"):
            from webui.commands.bench_product import measure

            if not installed_chromium():
                console.print(say("bench.no_chromium"))
            product = measure(chosen.models_dir)
            figures["product"] = asdict(product)
            console.print(product_table(asdict(product), say))
        if part in ("all", "engine"):
            figures |= _engine(entry_of(library, checkpoint), runs, console, say)
        if part == "models":
            figures |= _models(
                library.entry(checkpoint).weights if checkpoint else None, console, say
            )
        if part == "samplers":
            figures |= _samplers(entry_of(library, checkpoint), plot_file, console, say)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def _engine(entry: ModelEntry, runs: int, console: Console, say: Speech) -> dict[str, Any]:
    from webui.commands.bench_engine import compare_samplers, cost_of_beginnings, of_painting

    with console.status(say("bench.engine")):
        rows = list(compare_samplers(entry, runs))
    console.print(engine_table(rows, say))
    with console.status(say("bench.engine")):
        costs = cost_of_beginnings(entry, runs)
    for cost in costs:
        console.print(beginning_line(cost, say))
    painting = of_painting(entry)
    console.print(painting_line(painting, say))
    return {"engine": rows, "beginnings": costs, "painting": painting}


def _models(file: Path | None, console: Console, say: Speech) -> dict[str, Any]:
    from webui.commands.bench_models import measure_models

    with console.status(say("bench.models")):
        models = measure_models(file)
    console.print(models_lines(models, say))
    return {"models": models}


def _samplers(
    entry: ModelEntry, plot_file: Path | None, console: Console, say: Speech
) -> dict[str, Any]:
    from webui.commands.bench_samplers import plot, sampler_distances

    with console.status(say("bench.distances")):
        rows = list(sampler_distances(entry))
    console.print(distance_table(rows, say))
    if plot_file is not None:
        plot(rows, plot_file)
    return {"samplers": rows}


def entry_of(library: ModelLibrary, checkpoint: str) -> ModelEntry:
    """The checkpoint of that name, or the first.

    Raises:
        InvalidRequest: there is none at all.
        ModelFileError: there is none of that name.
    """
    names = library.names()
    if not names:
        raise InvalidRequest(Message("error.no_models", {}, "checkpoint"))
    return library.entry(checkpoint or names[0])


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "diffusers": version("diffusers"),
    }


def product_table(figures: dict[str, float | None], say: Speech) -> Table:
    """The product's figures, a row each."""
    table = Table(title=say("bench.product"))
    table.add_column(say("bench.measure"))
    table.add_column(say("bench.value"), justify="right")
    for name, value in figures.items():
        table.add_row(say(f"bench.{name}"), "–" if value is None else f"{value:.1f}")
    return table


def engine_table(rows: list[dict[str, Any]], say: Speech) -> Table:
    """Ours against diffusers' own pipeline, a row for each sampler."""
    table = Table(title=say("bench.engine"))
    table.add_column(say("bench.sampler"))
    for name in ("ours", "theirs", "ratio", "difference"):
        table.add_column(say(f"bench.{name}"), justify="right")
    for row in rows:
        table.add_row(
            row["sampler"],
            f"{row['ours_median']:.3f}",
            f"{row['theirs_median']:.3f}",
            f"{row['ratio']:.3f}",
            f"{row['difference']:.1e}",
        )
    return table


def beginning_line(row: dict[str, Any], say: Speech) -> str:
    """What a picture from a picture takes, of what its steps and one encoding make expected."""
    figures = {name: f"{row[name]:.3f}" for name in ("from_picture", "expected", "ratio")}
    return say("bench.beginning", strength=row["strength"], **figures)


def painting_line(row: dict[str, Any], say: Speech) -> str:
    """Memory for a part of a large picture, and how well it joins the rest."""
    megabytes = {name: f"{row[name] / 10**6:.0f}" for name in ("extra", "picture")}
    edges = {name: f"{row[name]:.2f}" for name in ("hard", "blurred", "soft")}
    sizes = {"small": row["small"], "large": row["large"]}
    return say("bench.painting", **sizes, **megabytes, **edges)


def models_lines(figures: dict[str, Any], say: Speech) -> str:
    """What the models' part measured, in two sentences."""
    recognition, loading = figures["recognition"], figures["loading"]
    return "\n".join(
        (
            say(
                "bench.recognition",
                count=recognition["files"],
                seconds=f"{recognition['seconds']:.2f}",
                cpu=f"{recognition['cpu_seconds']:.2f}",
            ),
            say(
                "bench.loading",
                size=f"{loading['bytes'] / 10**9:.2f}",
                read=f"{min(loading['read']):.2f}",
                loaded=f"{min(loading['loaded']):.2f}",
                ratio=f"{loading['ratio']:.2f}",
            ),
        )
    )


def distance_table(rows: list[dict[str, Any]], say: Speech) -> Table:
    """Distances to the limit of many steps, a row for each sampler, a column for the steps."""
    table = Table(title=say("bench.distances"))
    table.add_column(say("bench.sampler"))
    table.add_column(say("bench.schedule"))
    for steps in rows[0]["steps"] if rows else ():
        table.add_column(str(steps), justify="right")
    for row in rows:
        distances = [f"{distance:.3f}" for distance in row["distances"]]
        table.add_row(row["sampler"], row["schedule"] or "–", *distances)
    return table
