"""The command line: `python -m webui.cli [COMMAND] [OPTIONS]`; without a command it serves.

Start-up time matters here: `serve` must answer its port in a second. So this module imports
nothing but typer, and each command's module is imported when its command is asked for.

Help texts are localisation keys; `webui.commands.help_texts` puts them into words when a help
page is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

COMMANDS = MappingProxyType(
    {
        "serve": "webui.commands.serve",
        "generate": "webui.commands.generate",
        "upscale": "webui.commands.upscale",
        "convert": "webui.commands.convert",
        "merge": "webui.commands.merge",
        "download": "webui.commands.download",
        "token": "webui.commands.token",
        "doctor": "webui.commands.doctor",
        "bench": "webui.commands.bench",
        "test": "webui.commands.check",
        "worker": "webui.commands.worker",
        "version": "webui.commands.version",
    }
)
DEFAULT = "serve"


class LazyGroup(TyperGroup):
    """A group whose commands are imported by name."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands, in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, its texts in the caller's language; None when there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        command = get_command(import_module(COMMANDS[cmd_name]).app)
        command.name = cmd_name
        if "--help" in sys.argv:
            import_module("webui.commands.help_texts").translate(command)
        return command


app = typer.Typer(
    cls=LazyGroup, add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False
)


@app.callback()
def _inkstone() -> None:
    """Inkstone 砚."""


def with_default(arguments: Sequence[str]) -> list[str]:
    """The arguments with `serve` put in front when they name no command."""
    first = arguments[0] if arguments else ""
    if not first or (first.startswith("-") and first not in ("--help", "-h")):
        return [DEFAULT, *arguments]
    return list(arguments)


def main() -> None:
    """Runs the command line of this process and exits with its status."""
    app(args=with_default(sys.argv[1:]), prog_name="app.py")


if __name__ == "__main__":
    main()
