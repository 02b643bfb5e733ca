"""What the command line says: texts in the caller's language, errors with an exit status."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from webui.core.errors import InkstoneError, InvalidRequest, Message
from webui.services.localisation import Localiser

FAILED = 1
BAD_INPUT = 2


class Speech:
    """The catalogues of this installation, spoken in one language."""

    def __init__(self, lang: str = "") -> None:
        self._localiser = Localiser()
        self.lang = caller_language(lang)

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key` with its blanks filled."""
        return self._localiser.text(key, self.lang, **values)

    def message(self, message: Message) -> str:
        """The sentence of `message`."""
        return self._localiser.message(message, self.lang)


def caller_language(lang: str = "") -> str:
    """`zh-CN` or `en`, as asked for, else as the environment says (LC_ALL, LC_MESSAGES, LANG)."""
    names = [lang, *(os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))]
    wanted = next((name for name in names if name), locale.getlocale()[0] or "")
    return "zh-CN" if wanted.casefold().startswith(("zh", "chinese")) else "en"


def asked_language() -> str:
    """The value of `--lang` among this process's arguments, before they are parsed."""
    arguments = sys.argv[1:]
    for at, argument in enumerate(arguments):
        if argument == "--lang":
            return "".join(arguments[at + 1 : at + 2])
        if argument.startswith("--lang="):
            return argument.partition("=")[2]
    return ""


@contextmanager
def reporting(lang: str = "", speech: Callable[[str], Speech] = Speech) -> Iterator[None]:
    """Ends the process with a sentence on standard error when its body raises an InkstoneError.

    Exit status 2 says that the input was at fault, 1 that something failed.
    """
    try:
        yield
    except InvalidRequest as error:
        say = speech(lang)
        for problem in error.problems:
            typer.echo(field_prefix(problem) + say.message(problem), err=True)
        raise typer.Exit(BAD_INPUT) from error
    except InkstoneError as error:
        typer.echo(speech(lang).message(error.message), err=True)
        raise typer.Exit(FAILED) from error


def field_prefix(problem: Message) -> str:
    """The flag that a problem is about, as people typed it: "--cfg-scale: ", "--init a_b.png: "."""
    if not problem.field:
        return ""
    flag, *value = problem.field.split(" ", 1)
    return " ".join([f"--{flag.replace('_', '-')}", *value]) + ": "
