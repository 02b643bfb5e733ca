#!/usr/bin/env python3
"""The launcher: `python3 app.py [COMMAND] [OPTIONS]` on a bare machine with Python 3.10 to 3.13.

It needs the standard library only. The first run makes `.venv` beside this file and installs the
program into it; every run then hands its arguments to `webui.cli` there. It can be interrupted at
any moment and run again: a stamp in `.venv`, written last, says what is installed completely.

`--torch-index URL` takes torch from another package index (for other builds of torch).
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

REPOSITORY = Path(__file__).resolve().parent
VENV = REPOSITORY / ".venv"
STAMP = VENV / "inkstone.stamp"
WINDOWS = os.name == "nt"
PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")
LOWEST, HIGHEST = (3, 10), (3, 13)
GIGABYTE = 10**9
NEEDED_BYTES, ROOMY_BYTES = 3 * GIGABYTE, 9 * GIGABYTE
TEST_COMMAND = "test"
INTERRUPTED = 130


class Trouble(Exception):  # noqa: N818 - it is what the person is told, not a fault of ours
    """A step that failed; carries the sentence that says why and what to do next."""


class Puzzle(Trouble):
    """A failure of pip that its words do not explain."""


def main(arguments: list[str]) -> int:
    """Installs what is missing, then becomes the program. Returns the exit status."""
    try:
        check_python()
        index, arguments = without_option(arguments, "--torch-index")
        extras = "[test]" if arguments[:1] == [TEST_COMMAND] else ""
        if not is_installed(wanted_stamp(extras, index)):
            install(extras, index)
    except Trouble as trouble:
        say_line(str(trouble), sys.stderr)
        return 1
    except KeyboardInterrupt:
        say_line(say("launcher.interrupted"), sys.stderr)
        return INTERRUPTED
    return become([str(PYTHON), "-m", "webui.cli", *arguments])


def check_python() -> None:
    """Raises Trouble when this Python is too old or too new for the libraries."""
    if not LOWEST <= sys.version_info[:2] <= HIGHEST:
        raise Trouble(say("launcher.python", found=platform.python_version(), at=sys.executable))


def wanted_stamp(extras: str, index: str) -> dict[str, str]:
    """What a complete installation of this source with this Python looks like."""
    # What follows "[tool." in pyproject.toml is for those who work on the program.
    project = (REPOSITORY / "pyproject.toml").read_bytes().partition(b"[tool.")[0]
    versions = (REPOSITORY / "constraints.txt").read_bytes()
    digest = hashlib.sha256(project + versions)
    return {
        "source": digest.hexdigest(),
        "folder": str(REPOSITORY),
        "python": "{}.{}".format(*sys.version_info[:2]),
        "extras": extras,
        "torch_index": index,
    }


def is_installed(wanted: dict[str, str]) -> bool:
    """Whether the stamp says so. An installation with more extras serves as one with fewer."""
    try:
        found = json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(found, dict) or not PYTHON.exists():
        return False
    if any(found.get(key) != wanted[key] for key in ("source", "folder")):
        return False
    # `.venv` may belong to another Python than the one that runs this; but when it is the same
    # file and has another version, the system was upgraded underneath it.
    replaced = PYTHON.resolve() == Path(sys.executable).resolve()
    if replaced and found.get("python") != wanted["python"]:
        return False
    return all(wanted[key] in ("", found.get(key)) for key in ("extras", "torch_index"))


def install(extras: str, index: str) -> None:
    """Makes `.venv` and fills it, in steps that may each be repeated."""
    steps = Steps()
    steps.begin("launcher.step_check")
    check_disk(index)
    steps.begin("launcher.step_venv")
    new = make_venv()
    STAMP.unlink(missing_ok=True)
    try:
        fill_venv(steps, extras, index)
    except Puzzle:
        if new:
            raise
        # A run that was killed can leave a package half unpacked, which no pip repairs.
        steps.number = 1
        steps.begin("launcher.step_anew")
        make_venv(anew=True)
        fill_venv(steps, extras, index)
    STAMP.write_text(json.dumps(wanted_stamp(extras, index)), "utf-8")
    say_line(say("launcher.installed", seconds=round(steps.elapsed())))


def fill_venv(steps: Steps, extras: str, index: str) -> None:
    """Installs torch, then the program with everything else that it needs."""
    steps.begin("launcher.step_torch")
    # What torch itself needs comes from the usual index in the next step: the other has torch.
    other = ["--no-deps", "--force-reinstall", "--index-url", index] if index else []
    pip_install(["torch", *other])
    steps.begin("launcher.step_packages")
    pip_install(["--editable", f".{extras}"])


class Steps:
    """Announces steps: which of how many, and the time since the first."""

    total = 4

    def __init__(self) -> None:
        self.number, self.start = 0, time.monotonic()

    def elapsed(self) -> float:
        """Seconds since the first step."""
        return time.monotonic() - self.start

    def begin(self, key: str) -> None:
        """Announces the next step."""
        self.number += 1
        clock = "{:d}:{:02d}".format(*divmod(round(self.elapsed()), 60))
        say_line(f"[{self.number}/{self.total}] {clock}  {say(key)}")


def check_disk(index: str) -> None:
    """Raises Trouble when there is too little room; warns when the CUDA build may not fit."""
    free = shutil.disk_usage(REPOSITORY).free
    values = {"free": f"{free / GIGABYTE:.1f}", "folder": str(REPOSITORY)}
    if free < NEEDED_BYTES and not PYTHON.exists():
        raise Trouble(say("launcher.disk", needed=NEEDED_BYTES // GIGABYTE, **values))
    if sys.platform == "linux" and not index:
        if free < ROOMY_BYTES and not PYTHON.exists():
            say_line(say("launcher.disk_tight", needed=ROOMY_BYTES // GIGABYTE, **values))
        if not shutil.which("nvidia-smi"):
            say_line(say("launcher.no_nvidia"))


def make_venv(anew: bool = False) -> bool:
    """Makes `.venv` with a pip in it, unless there is one. Returns whether it is new."""
    null = subprocess.DEVNULL
    has_pip = [str(PYTHON), "-m", "pip", "--version"]
    if not anew and PYTHON.exists() and not subprocess.call(has_pip, stdout=null, stderr=null):
        return False
    if not (VENV / "pyvenv.cfg").exists() and any(not path.is_dir() for path in VENV.rglob("*")):
        raise Trouble(say("launcher.venv_foreign", folder=str(VENV)))
    done = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return True
    text = done.stdout.strip()
    if "ensurepip" in text or "No module named venv" in text:
        raise Trouble(say("launcher.no_venv", command=venv_fix()))
    raise Trouble(say("launcher.venv_failed", folder=str(VENV), reason=text[-500:]))


def venv_fix() -> str:
    """The command that brings Python's venv module on this system."""
    version = ".".join(map(str, sys.version_info[:2]))
    for tool, command in (
        ("apt-get", f"sudo apt install python{version}-venv"),
        ("dnf", "sudo dnf install python3-pip"),
        ("zypper", f"sudo zypper install python{version.replace('.', '')}-pip"),
        ("apk", "sudo apk add py3-pip"),
        ("pacman", "sudo pacman -S python"),
    ):
        if shutil.which(tool):
            return command
    return "https://www.python.org/downloads/"


def pip_install(what: list[str]) -> None:
    """Runs pip with the tested versions; its own output and progress bars stay visible."""
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--constraint", "constraints.txt", *what]
    status, tail = tee(command)
    if status != 0:
        key = pip_trouble(tail)
        kind = Puzzle if key == "launcher.pip_failed" else Trouble
        raise kind(say(key, folder=str(REPOSITORY), tail=tail[-600:]))


def pip_trouble(tail: str) -> str:
    """The key of the sentence for what pip's last words report."""
    causes = {
        "launcher.disk_full": r"No space left on device|Errno 28|Disk quota exceeded",
        "launcher.permission": r"Permission denied|Read-only file system|Errno 13",
        "launcher.network": r"Name or service|name resolution|getaddrinfo failed|nodename nor"
        r"|NewConnectionError|Connect(ion)?Timeout|[Rr]ead ?[Tt]imed? ?out|ProxyError|SSLError"
        r"|Network is unreachable|Connection (refused|reset|aborted)",
        "launcher.no_version": r"No matching distribution found",
    }
    return next(
        (key for key, signs in causes.items() if re.search(signs, tail)), "launcher.pip_failed"
    )


def tee(command: list[str]) -> tuple[int, str]:
    """Runs `command` with its output shown as it comes. Returns the status and the last words.

    Standard output stays the terminal's, so that pip draws its progress bars; only standard
    error, where pip reports what went wrong, passes through here.
    """
    child = subprocess.Popen(
        command, cwd=str(REPOSITORY), stderr=subprocess.PIPE, text=True, errors="replace"
    )
    lines: list[str] = []
    try:
        for line in child.stderr or ():
            sys.stderr.write(line)
            lines = [*lines[-40:], line]
        return child.wait(), "".join(lines)
    except KeyboardInterrupt:
        child.wait()  # it was interrupted as well; it removes what it had half written
        raise


def become(command: list[str]) -> int:
    """Replaces this process by `command`; on Windows, which cannot, waits for it."""
    sys.stdout.flush()
    if not WINDOWS:
        os.execv(command[0], command)
    child = subprocess.Popen(command)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # the child got it too and ends in its own way
            continue


def without_option(arguments: list[str], name: str) -> tuple[str, list[str]]:
    """Takes `name VALUE` or `name=VALUE` out of the arguments: (VALUE or "", the others)."""
    for at, argument in enumerate(arguments):
        if argument == name:
            if at + 1 == len(arguments):
                raise Trouble(say("launcher.no_value", name=name))
            return arguments[at + 1], arguments[:at] + arguments[at + 2 :]
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2], arguments[:at] + arguments[at + 1 :]
    return "", arguments


def say(key: str, **values: object) -> str:
    """The text of `key` in the caller's language, from the catalogues of the program."""
    for name in (language(), "en"):
        try:
            text = (REPOSITORY / "localizations" / f"{name}.json").read_text("utf-8")
            return str(json.loads(text)[key].format(**values))
        except (OSError, ValueError, KeyError):
            continue
    return f"{key} {values or ''}".strip()


def language() -> str:
    """`zh-CN` or `en`, as the environment says."""
    names = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "zh-CN" if next((name for name in names if name), "").startswith("zh") else "en"


def say_line(text: str, stream: TextIO | None = None) -> None:
    """Writes a line, at once, also where the console cannot show every character."""
    stream = stream or sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
