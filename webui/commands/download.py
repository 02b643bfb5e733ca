"""`download`: a model from a Hugging Face repository or a URL, into its folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from webui.commands.folders import Language, ModelsDir
from webui.commands.given import settings
from webui.commands.speech import Speech, reporting
from webui.core.errors import Cancelled
from webui.services.downloads.keep import keep
from webui.services.downloads.look import look
from webui.services.downloads.offer import Offer
from webui.services.downloads.web import Web

INTERRUPTED = 130

app = typer.Typer(add_completion=False)


@app.command(help="cli.download")
def download(
    what: Annotated[str, typer.Argument(help="cli.download.what", metavar="WHAT")],
    to: Annotated[str, typer.Option(metavar="KIND", help="cli.download.to")] = "",
    sha256: Annotated[str, typer.Option(metavar="HEX", help="cli.download.sha256")] = "",
    models_dir: ModelsDir = None,
    lang: Language = "",
) -> None:
    """Says what it is, fetches it with a bar, and says where it lies."""
    say = Speech(lang)
    with reporting(lang):
        chosen = settings(models_dir=models_dir)
        web = Web(chosen.network)
        try:
            offer = look(web, what, chosen.models_dir, to=to, sha256=sha256)
            typer.echo(_about(say, offer))
            path = _fetch(web, offer)
        except (KeyboardInterrupt, Cancelled) as error:
            typer.echo(say("cli.download.stopped"), err=True)
            raise typer.Exit(INTERRUPTED) from error
        typer.echo(say("cli.download.written", path=str(path)))


def _about(say: Speech, offer: Offer) -> str:
    families = "/".join(offer.families)
    return say(
        "cli.download.about",
        name=offer.target.name,
        kind=" ".join(filter(None, [families, offer.kind])),
        size=f"{offer.size / 10**9:.2f}",
        folder=str(offer.target.parent),
        licence=offer.licence or "?",
    )


def _fetch(web: Web, offer: Offer) -> Path:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(offer.target.name.replace("[", "\\["), total=offer.size)

        def heard(received: int) -> None:
            progress.update(task, completed=received)

        def wait(seconds: float) -> bool:
            time.sleep(seconds)
            return False

        return keep(web, offer, heard, wait)
