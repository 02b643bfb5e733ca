"""Pickles to safetensors. The pickle is opened by a process that is made for it and then gone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

import webui
from webui.core.errors import Cancelled, Message, ModelFileError
from webui.core.model_files.content import kind_of_content, refuse_other_content
from webui.core.model_files.header import read_header
from webui.services.files import part_of

SUFFIX = ".safetensors"
CONVERT = (sys.executable, "-m", "webui.engine.unpickle")
LOOK_SECONDS = 0.2
"""Between two looks at how much of the new file is written."""

Progress = Callable[[int, int], None]
"""Told bytes written and about how many there will be."""


def target_of(source: Path) -> Path:
    """The file that a pickle is converted to."""
    target = source.with_suffix(SUFFIX)
    if target == source:  # a pickle under another suffix than its own
        target = source.with_name(f"{source.stem}.converted{SUFFIX}")
    return target


def convert(source: Path, progress: Progress | None = None, stop: Event | None = None) -> Path:
    """Writes the weights of a pickle beside it as safetensors; returns the new file.

    The pickle stays as it is, and so does a file that has the new one's name already. The new
    file is there whole or not at all. Setting `stop` ends it.

    Raises:
        ModelFileError: the file is missing, no pickle, asks for programs to be run, or is
            damaged; or the new file is there already or cannot be written.
        Cancelled: `stop` was set.
    """
    source = source.absolute()
    if kind_of_content(source) != "pickle":
        refuse_other_content(source)
        raise ModelFileError("error.convert_needless", file=str(source))
    target = target_of(source)
    _refuse_existing(target)
    part = part_of(target)
    try:
        _check_room(source)
        _run(source, part, progress or _unheard, stop or Event())
        read_header(part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        _refuse_existing(target)  # somebody else may have made it meanwhile
        part.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelFileError("error.convert_unwritten", file=str(target), reason=reason) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return target


def _check_room(source: Path) -> None:
    size = source.stat().st_size
    free = shutil.disk_usage(source.parent).free
    if free < size:
        values = {"needed": f"{size / 10**9:.1f}", "free": f"{free / 10**9:.1f}"}
        raise ModelFileError("error.convert_room", folder=str(source.parent), **values)


def _unheard(_: int, __: int) -> None:
    """Nobody asked how far it is."""


def _run(source: Path, part: Path, progress: Progress, stop: Event) -> None:
    with subprocess.Popen(
        [*CONVERT, str(source), str(part)],
        cwd=Path(webui.__file__).parents[1],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as process:
        try:
            _watch(process, source, part, progress, stop)
        finally:
            process.kill()  # nothing to a process that has ended
        answered = process.stdout.read() if process.stdout else ""
    try:
        answer = json.loads(answered.splitlines()[-1])
    except (ValueError, IndexError) as error:
        code = process.returncode
        raise ModelFileError("error.convert_died", file=str(source), code=code) from error
    if "error" in answer:
        message = Message.from_json(answer["error"])
        raise ModelFileError(message.key, **dict(message.values))


def _watch(
    process: subprocess.Popen[str], source: Path, part: Path, progress: Progress, stop: Event
) -> None:
    """Waits for the end; the answer is so short that nobody needs to read it meanwhile."""
    total = source.stat().st_size
    while process.poll() is None:
        if stop.wait(LOOK_SECONDS):
            raise Cancelled
        with contextlib.suppress(FileNotFoundError):
            progress(min(part.stat().st_size, total), total)


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise ModelFileError("error.convert_exists", file=str(target))
