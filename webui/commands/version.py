"""`version`: prints the version of this program."""

from __future__ import annotations

import typer

from webui import __version__

app = typer.Typer(add_completion=False)


@app.command(help="cli.version")
def version() -> None:
    """Prints name and version on one line."""
    typer.echo(f"Inkstone {__version__}")
