"""`doctor`: looks at everything that a picture needs and says what is wrong and how to mend it."""

from __future__ import annotations

from typing import Annotated, get_args

import typer
from rich.console import Console
from rich.markup import escape

from webui.commands import findings
from webui.commands.findings import Finding
from webui.commands.folders import DataDir, Language, ModelFolders, ModelsDir
from webui.commands.given import settings
from webui.commands.paths import REPOSITORY
from webui.commands.speech import FAILED, Speech, reporting
from webui.core.memory_levels import MemoryLevel

MARKS = {"ok": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}

app = typer.Typer(add_completion=False)


@app.command(help="cli.doctor")
def doctor(
    host: Annotated[
        str | None, typer.Option(help="cli.serve.host", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="cli.serve.port", show_default="7860")
    ] = None,
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
    model_folder: ModelFolders = None,
    memory_level: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(get_args(MemoryLevel)),
            help="cli.serve.memory_level",
            show_default="auto",
        ),
    ] = None,
    lang: Language = "",
) -> None:
    """Prints a line for each thing looked at; exit status 1 if anything stops the program."""
    with reporting(lang):
        chosen = settings(
            host=host,
            port=port,
            data_dir=data_dir,
            models_dir=models_dir,
            model_folders=model_folder or None,
            memory_level=memory_level,
        )
    say = Speech(lang)
    console = Console(highlight=False, soft_wrap=True)
    states = []
    for finding in (
        findings.python_version(),
        findings.virtual_environment(),
        findings.package_versions(REPOSITORY / "constraints.txt"),
        findings.torch_device(chosen.memory_level),
        findings.memory(),
        findings.disk(chosen.data_dir),
        findings.models(chosen.models_dir, chosen.model_folders),
        findings.data_folder(chosen.data_dir),
        findings.port_free(chosen.address, chosen.port),
        findings.browser(),
    ):
        console.print(line_of(finding, say))
        states.append(finding.state)
    bad = states.count("fail")
    console.print(say("doctor.result_bad" if bad else "doctor.result_good", count=bad))
    if bad:
        raise typer.Exit(FAILED)


def line_of(finding: Finding, say: Speech) -> str:
    """A finding as a line of rich markup: mark, what was looked at, what was found."""
    what = say(f"doctor.{finding.name}")
    text = say(f"doctor.{finding.name}.{finding.state}", **finding.values)
    return f"{MARKS[finding.state]} [bold]{escape(what)}[/]  {escape(text)}"
