"""Puts the keys that stand in for help texts into the caller's language."""

from __future__ import annotations

from typing import Any

from webui.commands.speech import Speech, asked_language


def translate(command: Any) -> None:
    """Replaces the keys in the help of `command` (of typer) and of its parameters by texts."""
    say = Speech(asked_language())
    command.help = say(command.help or "")
    for parameter in command.params:
        text = getattr(parameter, "help", None)
        if isinstance(text, str) and text.startswith(("cli.", "param.")):
            parameter.help = say(text)
        panel = getattr(parameter, "rich_help_panel", None)
        if isinstance(panel, str) and panel.startswith("label."):
            parameter.rich_help_panel = say(panel)
