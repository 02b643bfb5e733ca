"""The command line as a whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from multiprocessing.connection import Listener
from pathlib import Path

import pytest

from webui import __version__
from webui.cli import COMMANDS, with_default
from webui.commands.speech import caller_language

REPOSITORY = Path(__file__).resolve().parents[2]


def run(*arguments: str, lang: str = "C.UTF-8") -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG"))}
    return subprocess.run(
        [sys.executable, "-m", "webui.cli", *arguments],
        cwd=REPOSITORY,
        env={**kept, "LANG": lang, "COLUMNS": "200", "TERM": "dumb"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["serve"]),
        (["--port", "1"], ["serve", "--port", "1"]),
        (["--help"], ["--help"]),
        (["generate", "x"], ["generate", "x"]),
    ],
)
def test_serving_is_the_default(arguments: list[str], expected: list[str]) -> None:
    assert with_default(arguments) == expected


def test_version() -> None:
    assert run("version").stdout == f"Inkstone {__version__}\n"


def test_the_help_page_lists_all_commands_but_the_servers_own() -> None:
    page = run("--help").stdout
    assert [name for name in COMMANDS if f" {name} " not in page] == ["worker"]


def test_help_comes_in_the_callers_language() -> None:
    assert "Port to listen on" in run("serve", "--help").stdout
    assert "监听端口" in run("serve", "--help", lang="zh_CN.UTF-8").stdout
    assert "监听端口" in run("serve", "--lang", "zh-CN", "--help").stdout


def test_an_unknown_command_is_an_error_of_the_caller() -> None:
    done = run("paint")
    assert done.returncode == 2
    assert "paint" in done.stderr


@pytest.mark.parametrize(
    ("environment", "asked", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "", "zh-CN"),
        ({"LANG": "zh_CN.UTF-8"}, "en", "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "", "en"),
        ({"LANG": "de_DE.UTF-8"}, "", "en"),
        ({"LANG": "en_US.UTF-8"}, "zh-CN", "zh-CN"),
    ],
)
def test_the_language_of_the_command_line(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], asked: str, language: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert caller_language(asked) == language


def test_the_worker_connects_with_the_key_from_its_input() -> None:
    key = os.urandom(32)
    with Listener(None, authkey=key) as listener:
        child = subprocess.Popen(
            [sys.executable, "-m", "webui.cli", "worker"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            text=True,
        )
        assert child.stdin is not None
        child.stdin.write(json.dumps({"address": listener.address, "key": key.hex()}) + "\n")
        child.stdin.flush()
        with listener.accept() as connection:
            ready = connection.recv()
        assert type(ready).__name__ == "WorkerReady"
        # The connection is closed: the worker ends by itself.
        assert child.wait(timeout=60) == 0
        child.stdin.close()
