"""`test`: lint, format, types, contracts and all tests; finds or installs a Chromium first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console

from webui.commands.browsers import installed_chromium
from webui.commands.paths import REPOSITORY
from webui.commands.speech import FAILED, Speech

TAKES_PYTEST_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Check:
    """One tool of the run: its name and the arguments of `python`."""

    name: str
    arguments: Sequence[str]


CHECKS = (
    Check("lint", ("-m", "ruff", "check")),
    Check("format", ("-m", "ruff", "format", "--check")),
    Check("types", ("-m", "mypy")),
    Check("contracts", (str(Path(sysconfig.get_path("scripts"), "lint-imports")),)),
)

TWO_AT_A_TIME = ("-n", "2", "--dist", "loadfile")
"""Half of a test's time is spent waiting for servers and browsers: two share two cores well. Files
stay whole, as their tests share servers."""


@app.command(help="cli.test", context_settings=TAKES_PYTEST_OPTIONS, add_help_option=False)
def test(context: typer.Context) -> None:
    """Runs all checks and sums up. What follows `test` on the command line goes to pytest.

    Exit status 1 if any check failed; the others run all the same.
    """
    say = Speech()
    console = Console(highlight=False, soft_wrap=True)
    chromium = ensure_chromium(console, say)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if chromium:
        environment["INKSTONE_CHROMIUM"] = chromium
    results: list[tuple[str, int, float]] = []
    for check in (*CHECKS, Check("tests", ("-m", "pytest", *TWO_AT_A_TIME, *context.args))):
        console.rule(say(f"check.{check.name}"))
        start = time.monotonic()
        status = subprocess.run(
            [sys.executable, *check.arguments], cwd=REPOSITORY, env=environment, check=False
        ).returncode
        results.append((check.name, status, time.monotonic() - start))
    console.rule(say("check.summary"))
    for name, status, seconds in results:
        mark = "[green]✓[/]" if status == 0 else "[red]✗[/]"
        console.print(f"{mark} {say(f'check.{name}')}  {seconds:.0f} s")
    if any(status for _, status, _ in results):
        raise typer.Exit(FAILED)


def ensure_chromium(console: Console, say: Speech) -> str:
    """The path of a Chromium, installed if need be; "" leaves the search to playwright's own.

    As root on Debian it comes from the system's packages, else playwright fetches one. Failing
    that, the browser tests fail with a sentence that says what to install.
    """
    found = installed_chromium()
    if found:
        return found
    if shutil.which("apt-get") and _is_root():
        console.print(say("check.installing_chromium"))
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            ["apt-get", "update"],
            ["apt-get", "install", "-y", "--no-install-recommends", "chromium"],
        ):
            subprocess.run(command, env=environment, check=False)
        found = installed_chromium()
    if not found and not _playwright_has_one():
        console.print(say("check.fetching_chromium"))
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
        if not _playwright_has_one():
            console.print(say("check.no_chromium"))
    return found


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


def _playwright_has_one() -> bool:
    """Whether playwright fetched a Chromium before; asked apart, as it starts a process."""
    question = (
        "from playwright.sync_api import sync_playwright as s\n"
        "with s() as p: print(p.chromium.executable_path)"
    )
    done = subprocess.run(
        [sys.executable, "-c", question], capture_output=True, text=True, check=False
    )
    return done.returncode == 0 and Path(done.stdout.strip()).exists()
