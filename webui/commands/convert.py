"""`convert`: writes the weights of pickles (.ckpt, .pt, .bin) as safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from webui.commands.folders import Language
from webui.commands.speech import Speech, reporting
from webui.services.conversion import convert as convert_file

app = typer.Typer(add_completion=False)


@app.command(help="cli.convert")
def convert(
    files: Annotated[list[Path], typer.Argument(help="cli.convert.files", metavar="FILE...")],
    lang: Language = "",
) -> None:
    """Converts each file; the first that cannot be converted ends the command."""
    say = Speech(lang)
    for file in files:
        with reporting(lang):
            typer.echo(say("cli.convert.written", path=str(convert_file(file))))
